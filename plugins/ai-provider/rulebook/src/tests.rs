use super::*;
use bulkhead_sdk::ai_provider::{Chunk, Message};

fn request(text: &str) -> CompletionRequest {
    CompletionRequest {
        model: MODEL.into(),
        messages: vec![
            Message {
                role: Role::System,
                parts: vec![Part::Text("Judge {this}.".into())],
            },
            Message {
                role: Role::User,
                parts: vec![Part::Text(text.into())],
            },
        ],
        tools: vec![],
        output_schema: None,
        max_tokens: None,
        temperature: None,
        seed: None,
        stop: vec![],
        extra: vec![],
    }
}

fn answer(text: &str) -> serde_json::Value {
    let completion = match Rulebook.complete(&request(text)) {
        Ok(completion) => completion,
        Err(error) => panic!("{error:?}"),
    };
    match completion.parts.as_slice() {
        [Part::Text(text)] => serde_json::from_str(text).unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

fn trade(side: &str, features: &str) -> serde_json::Value {
    answer(&format!(
        r#"Please judge: {{"instrument":"AAPL","side":"{side}","quantity":"100","confidence":null,"features":{{{features}}},"reason":"x"}} Thanks."#
    ))
}

fn reasons(answer: &serde_json::Value) -> String {
    answer["reasons"].to_string()
}

#[test]
fn it_never_passes_for_a_language_model() {
    let models = Rulebook.models().unwrap_or_default();
    assert!(!models[0].language_model);
    assert!(models[0].description.contains("not a language model"));
    assert!(reasons(&trade("buy", r#""rsi_14":50"#)).contains("not by a language model"));
}

#[test]
fn buying_what_is_overbought_is_objected_to_with_the_number() {
    let answer = trade("buy", r#""rsi_14":84.13"#);
    assert_eq!(answer["verdict"], "disagree");
    assert!(
        reasons(&answer).contains("rsi_14 is 84.1, above 80"),
        "{answer}"
    );
    assert_eq!(trade("sell", r#""rsi_14":84.13"#)["verdict"], "agree");
    assert_eq!(trade("sell", r#""rsi_14":15"#)["verdict"], "disagree");
}

#[test]
fn every_rule_speaks_up() {
    for (side, features, expected) in [
        ("buy", r#""return_5":0.2"#, "return_5 is +20.0 %"),
        ("sell", r#""return_5":-0.2"#, "return_5 is -20.0 %"),
        ("buy", r#""sma_ratio_50":-0.1"#, "against the trend"),
        ("sell", r#""sma_ratio_50":-0.1"#, "with the trend"),
        ("buy", r#""drawdown_60":-0.25"#, "drawdown_60 is -25.0 %"),
        ("buy", r#""volatility_20":0.05"#, "volatility_20 is 5.0 %"),
        ("buy", r#""bollinger_20":1.2"#, "bollinger_20 is 1.20"),
        ("buy", r#""volume_z_20":-2"#, "volume_z_20 is -2.0"),
    ] {
        let answer = trade(side, features);
        assert!(reasons(&answer).contains(expected), "{answer}");
    }
    let coin = answer(r#"{"side":"buy","confidence":0.4,"features":{}}"#);
    assert_eq!(coin["verdict"], "disagree");
}

#[test]
fn points_add_up() {
    // One point against: not enough to disagree, too much to agree.
    assert_eq!(trade("buy", r#""return_5":0.2"#)["verdict"], "abstain");
    let two = trade("buy", r#""return_5":0.2,"bollinger_20":1.2"#);
    assert_eq!(two["verdict"], "disagree");
    assert_eq!(two["confidence"], 0.7);
    let balanced = trade("buy", r#""return_5":0.2,"sma_ratio_50":0.05"#);
    assert_eq!(balanced["verdict"], "agree");
    assert_eq!(balanced["confidence"], 0.5);
}

#[test]
fn without_known_features_it_abstains() {
    for features in ["", r#""moon":1"#, r#""rsi_14":null"#] {
        let answer = trade("buy", features);
        assert_eq!(answer["verdict"], "abstain", "{features}");
        assert_eq!(answer["confidence"], 0.0);
    }
}

#[test]
fn a_trade_that_reduces_is_agreed_with() {
    let answer = answer(r#"{"side":"sell","reduces":true,"features":{"rsi_14":5}}"#);
    assert_eq!(answer["verdict"], "agree");
}

#[test]
fn what_is_no_trade_is_the_callers_mistake() {
    for text in ["hello", r#"{"side":"hold"}"#, r#"{"features":{}}"#, "{"] {
        let result = Rulebook.complete(&request(text));
        assert!(
            matches!(result, Err(Error::InvalidInput(_))),
            "{text}: {result:?}"
        );
    }
    let mut other = request(r#"{"side":"buy"}"#);
    other.model = "gpt".into();
    assert!(matches!(
        Rulebook.complete(&other),
        Err(Error::InvalidInput(_))
    ));
}

#[test]
fn a_schema_that_asks_for_more_is_refused() {
    let mut fits = request(r#"{"side":"buy"}"#);
    fits.output_schema = Some(r#"{"required":["verdict","reasons"]}"#.into());
    assert!(Rulebook.complete(&fits).is_ok());
    fits.output_schema = Some(r#"{"required":["poem"]}"#.into());
    assert!(matches!(
        Rulebook.complete(&fits),
        Err(Error::Unsupported(_))
    ));
}

#[test]
fn the_stream_is_the_answer_in_pieces() {
    let request = request(r#"{"side":"buy","features":{"rsi_14":90}}"#);
    let Ok(stream) = Rulebook.stream(&request) else {
        panic!("no stream");
    };
    let mut text = String::new();
    let mut finished = None;
    for chunk in stream {
        assert!(finished.is_none(), "a chunk after the last");
        match chunk {
            Ok(Chunk::Text(piece)) => text.push_str(&piece),
            Ok(Chunk::Finished(completion)) => finished = Some(completion),
            other => panic!("{other:?}"),
        }
    }
    assert!(text.chars().count() > CHUNK);
    assert_eq!(
        finished.map(|completion| completion.parts),
        Some(vec![Part::Text(text)])
    );
}
