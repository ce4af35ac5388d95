//! The page is self-contained, well-formed and complete.

use crate::fixture::report;
use comparison::Scenario;
use comparison::page::html;
use quick_xml::Reader;
use quick_xml::events::Event;

#[test]
fn page_is_well_formed() {
    let page = html(&report());
    let body = page.strip_prefix("<!DOCTYPE html>\n").expect("a doctype");
    let mut reader = Reader::from_str(body);
    let mut open = 0_usize;
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(_) => open += 1,
            Event::End(_) => open -= 1,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open, 0, "every element is closed");
}

#[test]
fn page_is_self_contained() {
    let page = html(&report());
    let names = "xmlns=\"http://www.w3.org/";
    for line in page.lines().filter(|line| line.contains("://")) {
        assert_eq!(line.matches("://").count(), line.matches(names).count(), "{line}");
    }
    for loads in
        ["<script", "<link", "<img", "<iframe", "src=", "url(", "@import", "data:"]
    {
        assert!(!page.contains(loads), "{loads}");
    }
}

#[test]
fn fault_is_marked_on_its_scenarios_axis() {
    let page = html(&report());
    let section = |scenario: Scenario| {
        let from = page.find(&format!("id=\"{scenario}\"")).expect("it is there");
        let rest = &page[from..];
        &rest[..rest.find("</section>").expect("it ends")]
    };
    assert!(!section(Scenario::SteadyLoad).contains("class=\"fault\" x1"));
    let kill = section(Scenario::KillAReplica);
    assert!(kill.contains("class=\"fault\" x1") && kill.contains("kill -9 r2"), "{kill}");
    assert_eq!(kill.matches("class=\"strip\"").count(), 2, "one strip for each design");
    assert!(kill.contains("class=\"lost\""), "lost logins are drawn");
}

#[test]
fn user_input_is_escaped() {
    let page = html(&report());
    assert!(page.contains("&quot;a &lt; b &amp; c&quot;"));
}

#[test]
fn busy_client_is_reported_at_the_top() {
    let page = html(&report());
    let doubt = page.find("latencies do not count").expect("the doubt is on the page");
    assert!(doubt < page.find("<section").expect("there are sections"));
}

#[test]
fn published_figures_are_shown_with_the_measured() {
    let page = html(&report());
    assert!(page.contains("0.5 ms") && page.contains("0.25 ms"), "the signature check");
    assert!(page.contains("0.25 ms, less than claimed"));
}
