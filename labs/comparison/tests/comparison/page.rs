//! The page is self-contained, well-formed and complete.

use crate::fixture::report;
use comparison::Scenario;
use comparison::page::html;
use quick_xml::Reader;
use quick_xml::events::Event;

/// Elements of HTML without content, which have no end tag.
const VOID: [&[u8]; 1] = [b"meta"];

#[test]
fn page_is_well_formed() {
    let page = html(&report());
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    let mut reader = Reader::from_str(body);
    reader.config_mut().check_end_names = false;
    let mut open: Vec<Vec<u8>> = Vec::new();
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(tag) if VOID.contains(&tag.name().as_ref()) => {}
            Event::Start(tag) => open.push(tag.name().as_ref().to_vec()),
            Event::End(tag) => {
                let opened = open.pop().expect("an open element");
                assert_eq!(tag.name().as_ref(), opened, "elements are nested");
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "every element is closed: {open:?}");
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

/// Colours of the plots: strips, lost logins and the line at the fault.
const STRIP: &str = "fill=\"#F4F6F9\"";
const LOST: &str = "fill=\"#D9730D\"";
const FAULT: &str = "stroke=\"#B3123F\"";

#[test]
fn fault_is_marked_on_its_scenarios_axis() {
    let page = html(&report());
    let section = |scenario: Scenario| {
        let from = page.find(&format!("id=\"{scenario}\"")).expect("it is there");
        let rest = &page[from..];
        &rest[..rest.find("</section>").expect("it ends")]
    };
    assert!(!section(Scenario::SteadyLoad).contains(FAULT));
    let kill = section(Scenario::KillAReplica);
    assert!(kill.contains(FAULT) && kill.contains(">\nkill -9 r2\n</text>"), "{kill}");
    assert_eq!(kill.matches(STRIP).count(), 2, "one strip for each design");
    let lost = kill.matches(LOST).count();
    assert!(lost > 1, "lost logins are drawn, not only explained by the legend");
}

#[test]
fn plot_has_axes_names_and_a_legend() {
    let page = html(&report());
    let plot = page.find("<svg").expect("a plot");
    let plot = &page[plot..plot + page[plot..].find("</svg>").expect("its end")];
    let texts = [
        "memory",
        "token",
        "10 ms",
        "100 ms",
        "1 s",
        "0 s",
        "6 s",
        "median latency",
        "slowest",
        "logins lost",
        "errors",
        "being done",
    ];
    for text in texts {
        assert!(
            plot.contains(&format!(">\n{text}\n</text>")),
            "{text} is not in the plot"
        );
    }
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
