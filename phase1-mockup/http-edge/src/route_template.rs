//! The route templates of the API, to which metrics reduce the paths of requests.

use api_contract::paths;
use std::sync::LazyLock;

/// Every path of the API, with axum's `{parameter}` for a segment that varies.
pub(crate) const ALL: [&str; 32] = [
    paths::SESSION_START,
    paths::SESSION,
    paths::SESSION_END,
    paths::TOKEN,
    paths::TOKEN_REFRESH,
    paths::TOKEN_REVOKE,
    paths::JWKS,
    paths::ACCOUNT_PASSWORD,
    paths::ACCOUNT_SIGN_OUT,
    paths::ADMIN_USERS,
    paths::ADMIN_USER,
    paths::ADMIN_USER_SIGN_OUT,
    paths::ADMIN_AUDIT,
    paths::ADMIN_KEYS_ROTATE,
    paths::UPLOAD,
    paths::FILES,
    paths::FILE,
    paths::FILE_CONTENT,
    paths::UPLOADS_START,
    paths::UPLOADS_COMPLETE,
    paths::UPLOADS,
    paths::UPLOADS_ONE,
    paths::UPLOADS_CONTENT,
    paths::TUS,
    paths::TUS_UPLOAD,
    paths::EVENTS,
    paths::OPENAPI,
    paths::DOCS,
    paths::REDOC,
    paths::LIVEZ,
    paths::READYZ,
    paths::METRICS,
];

/// The text before and after the parameter, and the template's index.
static WITH_PARAMETER: LazyLock<Vec<(&str, &str, usize)>> = LazyLock::new(|| {
    let parts = ALL.iter().enumerate().filter_map(|(index, template)| {
        let (before, rest) = template.split_once('{')?;
        Some((before, rest.split_once('}')?.1, index))
    });
    parts.collect()
});

/// The index in [`ALL`] of the template that a path has, if it has one. Allocates nothing.
pub(crate) fn of(path: &str) -> Option<usize> {
    let same = |template: &&str| *template == path;
    ALL.iter().position(same).or_else(|| {
        let mut templates = WITH_PARAMETER.iter();
        let found = templates.find(|(before, after, _)| {
            let rest = path.strip_prefix(before);
            let value = rest.and_then(|rest| rest.strip_suffix(after));
            value.is_some_and(|value| !value.is_empty() && !value.contains('/'))
        });
        found.map(|(_, _, index)| *index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_contract_is_a_template() {
        let source = include_str!("../../api-contract/src/paths.rs");
        let values = source.lines().filter_map(|line| {
            let value = line.strip_prefix("pub const ")?.split_once("\"")?.1;
            value.strip_suffix("\";")
        });
        let values: Vec<_> = values.collect();
        assert_eq!(values, ALL, "add the path to ALL");
    }

    #[test]
    fn path_is_reduced_to_its_template() {
        let template = |path| of(path).map(|index| ALL[index]);
        for (path, expected) in [
            ("/api/files", Some("/api/files")),
            ("/api/files/17", Some("/api/files/{file_id}")),
            ("/api/files/17/content", Some("/api/files/{file_id}/content")),
            ("/api/uploads/start", Some("/api/uploads/start")),
            ("/api/uploads/u1", Some("/api/uploads/{upload_id}")),
            ("/api/admin/users/bob/sign-out", Some(paths::ADMIN_USER_SIGN_OUT)),
            ("/api/files/", None),
            ("/api/files/17/other", None),
            ("/api/files/17/18/content", None),
            ("/API/files", None),
            ("", None),
        ] {
            assert_eq!(template(path), expected, "{path}");
        }
    }
}
