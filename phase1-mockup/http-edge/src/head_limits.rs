//! The limits of a request's head. Beyond them hyper answers 431, without a body.

/// The largest head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The length of the head, and the bytes of a body that are read at once. An unfinished
    /// head is kept in memory, so this is also what a silent client costs.
    pub bytes: usize,
    /// The number of header fields.
    pub fields: usize,
}

impl HeadLimits {
    /// The header fields that hyper accepts without a setting. With one, it allocates memory
    /// for the fields of each head.
    pub(crate) const DEFAULT_FIELDS: usize = 100;

    /// The limits of a proxy.
    pub const PROXY: Self = Self { bytes: 64 * 1024, fields: Self::DEFAULT_FIELDS };

    /// The limits of a server. A proxy adds fields to a head, so the server behind it takes
    /// more than the proxy. Otherwise it would refuse what the proxy has accepted.
    pub const SERVER: Self =
        Self { bytes: Self::PROXY.bytes + 4 * 1024, fields: Self::PROXY.fields + 28 };
}
