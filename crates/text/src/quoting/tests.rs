use proptest::prelude::*;

use super::*;

fn words(text: &str) -> Vec<String> {
    split(text, Comments::AtEnd).unwrap().into_iter().map(|word| word.text).collect()
}

fn line(text: &str) -> Line<'_> {
    Line::parse(text).unwrap().unwrap()
}

fn refused(text: &str) -> QuotingError {
    Line::parse(text).and_then(|line| line.unwrap().words()).unwrap_err()
}

#[test]
fn blanks_separate_words() {
    assert_eq!(words(""), [""; 0]);
    assert_eq!(words(" \t "), [""; 0]);
    assert_eq!(words("  leading  and\ttabs\t "), ["leading", "and", "tabs"]);
}

#[test]
fn quotes_keep_blanks_also_inside_a_word() {
    assert_eq!(words(r#"a "b c" 'd e'"#), ["a", "b c", "d e"]);
    assert_eq!(words("PATH='/a b:/c' x"), ["PATH=/a b:/c", "x"]);
    assert_eq!(words(r#"a"b c"d'e f'"#), ["ab cde f"]);
    assert_eq!(words(r#""it's" 'say "no"'"#), ["it's", r#"say "no""#]);
    assert_eq!(words(r#""" '' x"#), ["", "", "x"]);
}

#[test]
fn a_backslash_escapes_quotes_backslashes_and_unquoted_spaces_only() {
    assert_eq!(words(r#"a\ b \"c \'d e\\f"#), ["a b", "\"c", "'d", r"e\f"]);
    assert_eq!(words(r#""a\"b" 'a\'b' "a\'b" 'a\"b' "c\\d""#), ["a\"b", "a'b", "a'b", "a\"b", r"c\d"]);
    // Quoted already, so the backslash is itself.
    assert_eq!(words(r#""a\ b""#), [r"a\ b"]);
    // Nothing else is an escape: a tab, an n, the end.
    assert_eq!(words("a\\\tb"), ["a\\", "b"]);
    assert_eq!(words(r"\n c\"), [r"\n", r"c\"]);
}

#[test]
fn a_comment_begins_where_a_word_could() {
    assert_eq!(words("a # b"), ["a"]);
    assert_eq!(words("#a"), [""; 0]);
    assert_eq!(words(r##"a#b "#c" \#d # e 'f"##), ["a#b", "#c", r"\#d"]);
    let kept = split("a #b", Comments::None).unwrap();
    assert_eq!(kept.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["a", "#b"]);
}

#[test]
fn a_quote_that_is_not_closed_is_found_where_it_opens() {
    let error = refused("Banner x 'y \\' \"z\"");
    assert_eq!(error, QuotingError { column: 10, problem: Problem::Unterminated { quote: '\'' } });
    assert_eq!(error.to_string(), "column 10: quote is not closed, expected another '");
    assert_eq!(refused("Banner ab\"").column, 10);
    assert_eq!(refused("\"Banner x").problem, Problem::Unterminated { quote: '"' });
}

#[test]
fn words_know_where_they_stand() {
    let text = "\tSubsystem = sftp  \"a b\"c -d # why";
    let words = line(text).words().unwrap();
    assert_eq!(
        words.iter().map(|word| (word.column, word.length)).collect::<Vec<_>>(),
        [(14, 4), (20, 6), (27, 2)]
    );
    // So a keyword can take the rest of the line as it was written.
    assert_eq!(&text[words[1].column - 1..], "\"a b\"c -d # why");
}

#[test]
fn a_keyword_ends_at_blanks_and_at_most_one_equals_sign() {
    for text in [
        "Port 22",
        "Port=22",
        "Port = 22",
        "\t Port\t=\t22 ",
        "Port =22\r\n",
        "\"Port\" 22",
        "\"Port\"=22",
        "Port 22\x0c",
    ] {
        let line = line(text);
        assert_eq!((line.keyword, line.rest), ("Port", "22"), "{text:?}");
        assert_eq!(&text[line.keyword_column - 1..][..4], "Port", "{text:?}");
        assert_eq!(&text[line.rest_column - 1..][..2], "22", "{text:?}");
    }
    assert_eq!(line("Port==22").rest, "=22");
    assert_eq!(line("Port = =22").rest, "=22");
    assert_eq!(line("SetEnv A=1 B=2").rest, "A=1 B=2");
    assert_eq!(line("DenyUsers=a b").words().unwrap().len(), 2);
}

#[test]
fn a_keyword_may_stand_alone() {
    for text in ["Include", "Include ", "Include =", "Include # nothing"] {
        assert_eq!(line(text).keyword, "Include");
        assert_eq!(line(text).words(), Ok(Vec::new()), "{text}");
    }
}

#[test]
fn empty_lines_and_comments_hold_nothing() {
    for text in ["", "   ", "\t\r\n", "\x0c", "# Port 22", "  #Port 'x"] {
        assert_eq!(Line::parse(text), Ok(None), "{text:?}");
    }
}

#[test]
fn the_rest_is_raw_and_split_only_when_asked() {
    let line = line("ProxyCommand nc \"it's\" %h # not a comment here");
    assert_eq!(line.rest, "nc \"it's\" %h # not a comment here");
    assert_eq!(self::line("ProxyCommand it's").rest, "it's");
}

#[test]
fn what_is_no_line_is_refused() {
    let problem = |text: &str| Line::parse(text).unwrap_err().problem;
    assert_eq!(problem("=22"), Problem::KeywordExpected);
    assert_eq!(problem("\"\" 22"), Problem::KeywordExpected);
    assert_eq!(problem("Port\"22\""), Problem::QuoteInKeyword);
    assert_eq!(problem("\"Port\"\"22\""), Problem::QuoteInKeyword);
    assert_eq!(Line::parse("Port 2\0x").unwrap_err(), QuotingError { column: 7, problem: Problem::Nul });
    assert_eq!(problem(&"x".repeat(MAX_LINE + 1)), Problem::TooLong);
    assert!(Line::parse(&"x".repeat(MAX_LINE)).is_ok());
}

proptest! {
    #[test]
    fn quoting_a_word_and_splitting_gives_it_back(expected in prop::collection::vec("[a-zé #='\"\\\\]{0,6}", 0..5)) {
        let quoted: Vec<String> =
            expected.iter().map(|word| format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))).collect();
        prop_assert_eq!(words(&quoted.join(" ")), expected);
    }

    #[test]
    fn every_line_is_split_or_refused_within_its_length(text in "[ \ta=#'\"\\\\é]{0,20}") {
        match Line::parse(&text).and_then(|line| line.map_or(Ok(Vec::new()), |line| line.words())) {
            Ok(words) => prop_assert!(words.iter().all(|word| word.column + word.length <= text.len() + 1)),
            Err(error) => prop_assert!((1..=text.len()).contains(&error.column)),
        }
    }
}
