//! Mistakes in a description are reported with their line and the expected value.

use launcher::ServerKind;
use stateless_checker::{Description, lab_cluster};

const GOOD: &str = r#"service = "shop"

[[instance]]
url = "http://127.0.0.1:5001"
restart = "true"

[[step]]
name = "log in"
request = "POST /login"
json = { user = "${random.user}" }
status = [200, 201]
capture = { session = { cookie = "sid" } }

[[step]]
name = "read"
request = "GET /cart"
headers = { X-Session = "${session}" }
equal = { "/items" = [] }
"#;

/// The mistakes of the description with one piece of it replaced.
fn mistakes(piece: &str, by: &str) -> Vec<String> {
    assert!(GOOD.contains(piece), "{piece} is not in the description");
    let mistakes = Description::parse(&GOOD.replace(piece, by)).expect_err("a mistake");
    mistakes.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn expect(piece: &str, by: &str, line: usize, words: &str) {
    let mistakes = mistakes(piece, by);
    let line = format!("line {line}: ");
    let found =
        mistakes.iter().any(|said| said.starts_with(&line) && said.contains(words));
    assert!(found, "expected {line}...{words}, not {mistakes:#?}");
}

#[test]
fn a_good_description_is_understood() {
    let description = Description::parse(GOOD).expect("no mistakes");
    assert_eq!(description.service, "shop");
    assert_eq!(description.steps[1].request.path, "/cart");
}

#[test]
fn each_mistake_is_found_at_its_line() {
    expect("service = \"shop\"", "servis = \"shop\"", 1, "unknown field `servis`");
    expect("http://127.0.0.1:5001", "127.0.0.1:5001", 4, "expected a base URL");
    expect(
        "127.0.0.1:5001",
        "shop.example",
        5,
        "restart is for instances on this machine",
    );
    expect("restart = \"true\"", "stop = \"true\"", 5, "expected stop and start");
    expect("restart =", "stop = \"true\"\nrestart =", 5, "expected stop and start");
    expect("\"POST /login\"", "\"/login\"", 9, "expected a request such as");
    expect("\"POST /login\"", "\"FETCH /login\"", 9, "expected a request such as");
    expect("[200, 201]", "\"ok\"", 11, "expected a status such as 200");
    expect("cookie = \"sid\"", "jar = \"sid\"", 12, "unknown variant `jar`");
    expect("cookie = \"sid\"", "json = \"sid\"", 12, "expected a JSON pointer");
    expect("${session}", "${sesion}", 17, "${sesion} is not known here");
    expect("${session}", "${session", 17, "expected } after ${");
    expect("name = \"read\"", "name = \"log in\"", 14, "a name that no other step has");
    expect("request = \"GET /cart\"\n", "", 14, "missing field `request`");
    expect("status = [200, 201]", "text = \"x\"", 7, "expected one body at most");
    expect("status = [200, 201]", "settle-ms = 5", 11, "GET and HEAD only");
    expect("\"/items\" = []", "items = []", 18, "expected a JSON pointer");
}

#[test]
fn value_is_known_only_after_its_capture() {
    expect("${random.user}", "${session}", 10, "${session} is not known here");
}

#[test]
fn one_step_is_not_enough() {
    let text = "[[step]]\nname = \"a\"\nrequest = \"GET /\"\n";
    let mistakes = Description::parse(text).expect_err("a mistake");
    assert!(mistakes[0].message.contains("two steps at least"), "{mistakes:?}");
}

#[test]
fn the_descriptions_of_our_servers_are_good() {
    for design in ServerKind::ALL {
        assert!(lab_cluster::description(design).steps.len() > 3);
    }
}

#[test]
fn every_example_of_the_page_is_good() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/check-stateless.md");
    let page = std::fs::read_to_string(page).expect("the page is there");
    let blocks: Vec<_> = page.split("```toml\n").skip(1).collect();
    assert!(!blocks.is_empty(), "the page has no example");
    for block in blocks {
        let text = block.split("```").next().unwrap_or_default();
        let parsed = Description::parse(text);
        assert!(parsed.is_ok(), "{text}\n{:?}", parsed.err());
    }
}
