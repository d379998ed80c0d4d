//! `encode_lines FILE.gguf|DIR`: reads a JSON list of texts from standard input, and prints the
//! token ids of each as a line of JSON. `tests/interop` compares them with other programs.

use std::io::stdin;
use std::path::PathBuf;

use trimtab_model::Tokenizer;
use trimtab_model::gguf::GgufFile;

#[expect(clippy::print_stdout, reason = "the result of a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("no file or folder")?);
    let any_size = u32::MAX as usize;
    let tokenizer = if path.is_dir() {
        Tokenizer::from_dir(&path, any_size)?
    } else {
        Tokenizer::from_gguf(&GgufFile::open(&path)?, any_size)?
    };
    let texts: Vec<String> = serde_json::from_reader(stdin())?;
    for text in texts {
        println!("{}", serde_json::to_string(&tokenizer.encode(&text)?)?);
    }
    Ok(())
}
