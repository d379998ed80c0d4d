//! `textwrap.wrap` of Python.

use crate::error::Error;

/// What `textwrap` takes for white space.
const SPACES: [char; 6] = ['\t', '\n', '\u{b}', '\u{c}', '\r', ' '];

/// The lines of `text` with at most `width` characters.
pub(super) fn wrap(
    text: &str,
    width: i64,
    break_long_words: bool,
    break_on_hyphens: bool,
) -> Result<Vec<String>, Error> {
    let width = usize::try_from(width).ok().filter(|&width| width > 0);
    let width = width.ok_or_else(|| Error::new("invalid width (must be > 0)"))?;
    let mut chunks = chunks(text, break_on_hyphens);
    chunks.reverse();
    let is_blank = |chunk: &[char]| chunk.iter().all(|&c| crate::python::is_space(c));
    let mut lines: Vec<String> = vec![];
    while let Some(next) = chunks.last() {
        if is_blank(next) && !lines.is_empty() {
            chunks.pop();
        }
        let mut line: Vec<Vec<char>> = vec![];
        let mut length = 0;
        while let Some(next) = chunks.last()
            && length + next.len() <= width
        {
            length += next.len();
            line.extend(chunks.pop());
        }
        if let Some(next) = chunks.last_mut()
            && next.len() > width
        {
            if break_long_words {
                let mut end = width - length;
                let hyphen = next[..end]
                    .iter()
                    .rposition(|&c| c == '-')
                    .filter(|_| break_on_hyphens);
                if let Some(hyphen) =
                    hyphen.filter(|&hyphen| next[..hyphen].iter().any(|&c| c != '-'))
                {
                    end = hyphen + 1;
                }
                let rest = next.split_off(end);
                line.push(std::mem::replace(next, rest));
            } else if line.is_empty() {
                line.extend(chunks.pop());
            }
        }
        if line.last().is_some_and(|chunk| is_blank(chunk)) {
            line.pop();
        }
        if !line.is_empty() {
            lines.push(line.concat().into_iter().collect());
        }
    }
    Ok(lines)
}

/// Words and the white space between them. A word with hyphens is several chunks, if they may be
/// parted.
fn chunks(text: &str, part_at_hyphens: bool) -> Vec<Vec<char>> {
    let text: Vec<char> = text.chars().collect();
    let is_space = |index: usize| text.get(index).is_some_and(|c| SPACES.contains(c));
    let mut chunks = vec![];
    let mut start = 0;
    while start < text.len() {
        let mut end = start + 1;
        if is_space(start) {
            while is_space(end) {
                end += 1;
            }
        } else if part_at_hyphens {
            end = word_end(&text, start);
        } else {
            while end < text.len() && !is_space(end) {
                end += 1;
            }
        }
        chunks.push(text[start..end].to_vec());
        start = end;
    }
    chunks
}

/// The end of a word from `start` on, as `TextWrapper.wordsep_re` finds it.
fn word_end(text: &[char], start: usize) -> usize {
    let at = |index: usize| text.get(index).copied().unwrap_or(' ');
    let before = |index: usize, count: usize| index.checked_sub(count).map_or(' ', at);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_letter = |c: char| is_word(c) && !c.is_ascii_digit();
    let is_mark = |c: char| is_word(c) || "!\"'&.,?".contains(c);
    // Two hyphens or more between words, from `index` on, are a dash.
    let dash_end = |index: usize| {
        let length = text[index..].iter().take_while(|&&c| c == '-').count();
        let is_dash = length >= 2 && is_mark(before(index, 1)) && is_word(at(index + length));
        is_dash.then_some(index + length)
    };
    if let Some(end) = dash_end(start) {
        return end;
    }
    let mut end = start + 1;
    while end < text.len() && !SPACES.contains(&text[end]) {
        if dash_end(end).is_some() {
            return end;
        }
        if text[end] == '-' {
            let after_letters = match before(end, 2) {
                '-' => is_mark(before(end, 1)) && is_letter(before(end, 3)),
                other => is_letter(before(end, 1)) && is_letter(other),
            };
            let next = if at(end + 2) == '-' { end + 3 } else { end + 2 };
            if after_letters && is_letter(at(end + 1)) && is_letter(at(next)) {
                return end + 1;
            }
        }
        end += 1;
    }
    end
}
