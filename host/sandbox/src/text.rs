//! Text that a guest wrote, made fit for a line of a log, an error or a table: it cannot forge a second
//! line, steer a terminal, turn the reading direction or go on for ever.

use crate::limits::LINE_BYTES;
use std::borrow::Cow;

/// A character that does more than show itself.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A text as one line of at most [`LINE_BYTES`]: what does more than show itself becomes a space.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    let mut end = text.len().min(LINE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text[..end].trim_end();
    if kept.contains(acts) {
        Cow::Owned(kept.replace(acts, " "))
    } else {
        Cow::Borrowed(kept)
    }
}

/// The same for a text that is kept.
pub(crate) fn owned_line(text: String) -> String {
    match line(&text) {
        Cow::Borrowed(kept) if kept.len() == text.len() => text,
        kept => kept.into_owned(),
    }
}

/// A text that may have several lines, in one, with single spaces.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    line(&words.join(" ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_forge_a_line_or_steer_a_terminal() {
        for (wild, tame) in [
            ("left\n  right: 2\n", "left   right: 2"),
            ("\u{1b}[2Jgone\u{7}", " [2Jgone "),
            ("a\u{202e}b\u{2028}c\0d", "a b c d"),
            ("as it is", "as it is"),
        ] {
            assert_eq!(line(wild), tame);
            assert_eq!(owned_line(wild.to_owned()), tame);
        }
        assert_eq!(one_line(" two\n\n lines\u{9b}m "), "two lines m");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ä".repeat(LINE_BYTES);
        let shortened = format!("x{long}");
        assert_eq!(line(&long).len(), LINE_BYTES);
        assert_eq!(line(&shortened).len(), LINE_BYTES - 1);
    }
}
