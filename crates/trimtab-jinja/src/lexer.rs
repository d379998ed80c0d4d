//! Text to tokens, as `jinja2.lexer` does it with `trim_blocks` and `lstrip_blocks`.

use num_bigint::BigInt;

use crate::error::Error;
use crate::python::is_space;

/// A token and the line that it is in.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Data(String),
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name(String),
    Text(String),
    Integer(BigInt),
    Float(f64),
    Operator(&'static str),
    End,
}

/// The operators; one that begins another comes after it.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";",
];

/// The tokens of a template, with one [`Kind::End`] at its end.
pub(crate) fn tokenize(source: &str) -> Result<Vec<Token>, Error> {
    let mut source = source.replace("\r\n", "\n").replace('\r', "\n");
    if source.ends_with('\n') {
        source.pop();
    }
    let mut lexer = Lexer {
        source: &source,
        position: 0,
        line: 1,
        line_starts: true,
        tokens: vec![],
    };
    lexer.template()?;
    lexer.push(Kind::End);
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    position: usize,
    line: usize,
    /// Whether the last tag took the line end after it.
    line_starts: bool,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.position..]
    }

    fn push(&mut self, kind: Kind) {
        let line = self.line;
        self.tokens.push(Token { kind, line });
    }

    fn advance(&mut self, bytes: usize) {
        let passed = &self.source[self.position..self.position + bytes];
        self.line += passed.matches('\n').count();
        self.position += bytes;
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::syntax(self.line, message))
    }

    /// Data and tags, to the end.
    fn template(&mut self) -> Result<(), Error> {
        while let Some(offset) = find_tag(self.rest()) {
            let rest = self.rest();
            let (data, tag) = rest.split_at(offset);
            let sign = tag[2..].chars().next().filter(|c| matches!(c, '-' | '+'));
            let is_variable = tag.starts_with("{{");
            self.data(strip_before(data, sign, is_variable, self.line_starts));
            self.advance(offset + 2 + usize::from(sign.is_some()));
            match &tag[..2] {
                "{{" => self.expression(Kind::VariableBegin, "}}")?,
                "{#" => self.comment()?,
                _ => match raw_tag(self.rest(), "raw") {
                    Some(end) => self.raw(end)?,
                    None => self.expression(Kind::BlockBegin, "%}")?,
                },
            }
            self.line_starts = self.source[..self.position].ends_with('\n');
        }
        self.data(self.rest());
        Ok(())
    }

    fn data(&mut self, data: &str) {
        if !data.is_empty() {
            self.push(Kind::Data(data.to_owned()));
        }
    }

    fn comment(&mut self) -> Result<(), Error> {
        let Some(end) = self.rest().find("#}") else {
            return self.fail("missing end of comment tag");
        };
        let sign = self.rest()[..end].chars().next_back();
        self.advance(end + 2);
        self.strip_after(sign.filter(|c| matches!(c, '-' | '+')), true);
        Ok(())
    }

    /// The text up to `{% endraw %}`; `begin` bytes are left of the opening tag.
    fn raw(&mut self, begin: RawTag) -> Result<(), Error> {
        self.advance(begin.length);
        if begin.sign == Some('-') {
            self.strip_after(begin.sign, false);
        }
        let rest = self.rest();
        let mut from = 0;
        while let Some(found) = rest[from..].find("{%") {
            let start = from + found;
            let after = &rest[start + 2..];
            let sign = after.chars().next().filter(|c| matches!(c, '-' | '+'));
            let skipped = usize::from(sign.is_some());
            if let Some(end) = raw_tag(&after[skipped..], "endraw") {
                let line_starts = self.source[..self.position].ends_with('\n');
                self.data(strip_before(&rest[..start], sign, false, line_starts));
                self.advance(start + 2 + skipped + end.length);
                self.strip_after(end.sign, true);
                return Ok(());
            }
            from = start + 2;
        }
        self.fail("missing end of raw directive")
    }

    /// White space after a tag: all of it after `-`, else one line end if `trim`.
    fn strip_after(&mut self, sign: Option<char>, trim: bool) {
        let rest = self.rest();
        match sign {
            Some('-') => self.advance(rest.len() - rest.trim_start_matches(is_space).len()),
            None if trim && rest.starts_with('\n') => self.advance(1),
            _ => {}
        }
    }

    /// The tokens of a tag up to `end`.
    fn expression(&mut self, begin: Kind, end: &'static str) -> Result<(), Error> {
        let is_block = begin == Kind::BlockBegin;
        self.push(begin);
        let mut open = vec![];
        loop {
            let rest = self.rest();
            if open.is_empty() {
                let sign = rest.chars().next();
                let sign = sign.filter(|&c| c == '-' || (c == '+' && is_block));
                let skipped = usize::from(sign.is_some());
                if rest[skipped..].starts_with(end) {
                    self.push(if is_block {
                        Kind::BlockEnd
                    } else {
                        Kind::VariableEnd
                    });
                    self.advance(skipped + 2);
                    self.strip_after(sign, is_block);
                    return Ok(());
                }
            }
            let space = rest.len() - rest.trim_start_matches(is_space).len();
            if space > 0 {
                self.advance(space);
            } else if rest.is_empty() {
                return Ok(());
            } else {
                self.token(&mut open)?;
            }
        }
    }

    fn token(&mut self, open: &mut Vec<&'static str>) -> Result<(), Error> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        if first.is_ascii_digit() {
            let after_dot = self.source[..self.position].ends_with('.');
            return self.number(after_dot);
        }
        if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            let name = &rest[..length.unwrap_or(rest.len())];
            if first.is_numeric() {
                return self.fail("invalid character in identifier");
            }
            self.push(Kind::Name(name.to_owned()));
            self.advance(name.len());
            return Ok(());
        }
        if first == '\'' || first == '"' {
            return self.text(first);
        }
        let Some(operator) = OPERATORS.into_iter().find(|each| rest.starts_with(each)) else {
            return self.fail(format!("unexpected character {first:?}"));
        };
        match operator {
            "{" => open.push("}"),
            "(" => open.push(")"),
            "[" => open.push("]"),
            "}" | ")" | "]" => match open.pop() {
                Some(expected) if expected == operator => {}
                Some(expected) => {
                    return self.fail(format!("unexpected `{operator}`, expected `{expected}`"));
                }
                None => return self.fail(format!("unexpected `{operator}`")),
            },
            _ => {}
        }
        self.push(Kind::Operator(operator));
        self.advance(operator.len());
        Ok(())
    }

    fn number(&mut self, after_dot: bool) -> Result<(), Error> {
        let rest = self.rest();
        if !after_dot && let Some(length) = float_length(rest) {
            let digits = rest[..length].replace('_', "");
            let Ok(value) = digits.parse() else {
                return self.fail("this is not a number");
            };
            self.push(Kind::Float(value));
            self.advance(length);
            return Ok(());
        }
        let (radix, prefix) = match rest.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0b") => (2, 2),
            Some("0o") => (8, 2),
            Some("0x") => (16, 2),
            _ => (10, 0),
        };
        let mut length = prefix + digits_length(&rest[prefix..], radix, prefix > 0);
        let (radix, prefix) = if length == prefix {
            (10, 0)
        } else {
            (radix, prefix)
        };
        if prefix == 0 {
            length = if rest.starts_with('0') {
                rest.len() - rest.trim_start_matches(['0', '_']).len()
            } else {
                digits_length(rest, 10, false)
            };
            length = rest[..length].trim_end_matches('_').len();
        }
        let digits = rest[prefix..length].replace('_', "");
        match BigInt::parse_bytes(digits.as_bytes(), radix) {
            Some(value) => self.push(Kind::Integer(value)),
            None => return self.fail("this is not a number"),
        }
        self.advance(length);
        Ok(())
    }

    fn text(&mut self, quote: char) -> Result<(), Error> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest[1..].find(|c| {
            let is_end = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        });
        let Some(end) = end else {
            return self.fail("a text has no end");
        };
        match unescape(&rest[1..=end]) {
            Ok(text) => self.push(Kind::Text(text)),
            Err(message) => return self.fail(message),
        }
        self.advance(end + 2);
        Ok(())
    }
}

/// The place of the first tag.
fn find_tag(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find('{') {
        let start = from + found;
        if matches!(text.as_bytes().get(start + 1), Some(b'{' | b'%' | b'#')) {
            return Some(start);
        }
        from = start + 1;
    }
    None
}

/// Takes away white space before a tag: all of it if the tag begins with `-`, else that of its own
/// line if there is nothing else before it.
fn strip_before(data: &str, sign: Option<char>, is_variable: bool, line_starts: bool) -> &str {
    match sign {
        Some('-') => data.trim_end_matches(is_space),
        Some(_) => data,
        None if is_variable => data,
        None => {
            let line = data.rfind('\n').map_or(0, |end| end + 1);
            let is_blank = data[line..].chars().all(is_space);
            if is_blank && (line > 0 || line_starts) {
                &data[..line]
            } else {
                data
            }
        }
    }
}

/// The end of a tag `raw` or `endraw`, from after its sign on.
struct RawTag {
    length: usize,
    sign: Option<char>,
}

fn raw_tag(text: &str, name: &str) -> Option<RawTag> {
    let rest = text.trim_start_matches(is_space).strip_prefix(name)?;
    let rest = rest.trim_start_matches(is_space);
    let sign = rest.chars().next();
    let sign = sign.filter(|&c| c == '-' || (c == '+' && name == "endraw"));
    let rest = rest[usize::from(sign.is_some())..].strip_prefix("%}")?;
    Some(RawTag {
        length: text.len() - rest.len(),
        sign,
    })
}

/// The length of digits with single underscores between them.
fn digits_length(text: &str, radix: u32, underscore_first: bool) -> usize {
    let mut length = 0;
    let mut after_underscore = !underscore_first;
    for c in text.chars() {
        if c.is_digit(radix) {
            length += 1;
            after_underscore = false;
        } else if c == '_' && !after_underscore {
            length += 1;
            after_underscore = true;
        } else {
            break;
        }
    }
    text[..length].trim_end_matches('_').len()
}

/// The length of a number with a fraction or an exponent.
fn float_length(text: &str) -> Option<usize> {
    let digits = |from: usize| digits_length(&text[from..], 10, false);
    let whole = digits(0);
    let mut length = whole;
    if text[length..].starts_with('.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    (length > whole).then_some(length)
}

/// A text literal without its escapes, as Python's codec `unicode-escape` reads them.
fn unescape(text: &str) -> Result<String, &'static str> {
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            result.push(c);
            continue;
        }
        let escaped = chars.next().ok_or("a text ends with `\\`")?;
        let digits = match escaped {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        if digits > 0 {
            let hex: String = chars.by_ref().take(digits).collect();
            let is_hex = hex.len() == digits && hex.chars().all(|c| c.is_ascii_hexdigit());
            let code = u32::from_str_radix(&hex, 16).ok().filter(|_| is_hex);
            let code = code.ok_or("an escape of a character has too few digits")?;
            result.push(char::from_u32(code).ok_or("an escape is not a Unicode character")?);
            continue;
        }
        match escaped {
            '\n' => {}
            'a' => result.push('\u{7}'),
            'b' => result.push('\u{8}'),
            'f' => result.push('\u{c}'),
            'n' => result.push('\n'),
            'r' => result.push('\r'),
            't' => result.push('\t'),
            'v' => result.push('\u{b}'),
            '\\' | '\'' | '"' => result.push(escaped),
            'N' => return Err("escapes of characters by name are not supported"),
            '0'..='7' => {
                let mut code = escaped as u32 - 48;
                for _ in 0..2 {
                    if let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) {
                        code = code * 8 + digit;
                        chars.next();
                    }
                }
                result.extend(char::from_u32(code));
            }
            other if other.is_ascii() => result.extend(['\\', other]),
            // Jinja writes such a character as an escape first, whose `\` is then escaped.
            other => result += &escape_non_ascii(other),
        }
    }
    Ok(result)
}

/// `\xe9` for `é`, and so on.
pub(crate) fn escape_non_ascii(c: char) -> String {
    match c as u32 {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}
