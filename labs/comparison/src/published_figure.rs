//! A figure of the course's source material beside the measured one.

use serde::Serialize;

/// Result of comparing a published figure with the measured one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Agreement {
    /// The measured figure lies in the published range.
    Agrees,
    /// It lies outside, on this machine.
    Differs,
    /// The run shows a part of it, too little for a decision.
    Partly,
    /// The figures of this kind were invalid in this run.
    Inconclusive,
    /// The run has no such measurement.
    NotMeasured,
}

impl Agreement {
    /// The text for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Differs => "differs",
            Self::Partly => "partly",
            Self::Inconclusive => "inconclusive",
            Self::NotMeasured => "not measured",
        }
    }
}

/// A published figure and the measured one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PublishedFigure {
    /// The subject of the figure.
    #[serde(rename = "about")]
    pub subject: &'static str,
    /// The figure or the text of the source.
    pub published: String,
    /// The measured figure, with a remark.
    pub measured: String,
    /// Whether the two agree.
    pub agreement: Agreement,
}
