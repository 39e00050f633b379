// SPDX-License-Identifier: Apache-2.0
//! Relative links in the documents lead to files that exist.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Violation;
use crate::workspace::files;

/// Checks the documents at the root and everything below `docs`.
pub(super) fn check(root: &Path) -> Result<Vec<Violation>> {
    let mut documents = files(&root.join("docs"), "md")?;
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    documents.sort();
    let mut broken = Vec::new();
    for document in documents {
        let text = fs::read_to_string(&document)?;
        let folder = document.parent().unwrap_or(root);
        for (line, target) in links(&text) {
            if !folder.join(target).exists() {
                let what = format!("the link to `{target}` leads nowhere");
                broken.push(Violation::new(
                    &document,
                    line,
                    what,
                    "correct the path or write the file",
                ));
            }
        }
    }
    Ok(broken)
}

/// The relative links outside code, without their fragments.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().flat_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        let prose = if fenced || fence { "" } else { line };
        targets(prose).map(move |target| (number + 1, target))
    })
}

fn targets(line: &str) -> impl Iterator<Item = &str> {
    let prose = line.split('`').step_by(2);
    // A link whose text is code is cut in two by the back quotes: its target begins the second half.
    let starts = prose.flat_map(|part| part.split("](").skip(1));
    starts.filter_map(|rest| {
        let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
        let elsewhere =
            target.is_empty() || target.contains("://") || target.starts_with("mailto:");
        (!elsewhere).then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_are_found_and_code_is_not() {
        let text = "[a](docs/a.md#part) [b](https://x.example) `[c](c.md)` [`d`](d.md)\n```\n[e](e.md)\n```\n[f](#here)\n![g](g.png)";
        let expected = [(1, "docs/a.md"), (1, "d.md"), (6, "g.png")];
        assert_eq!(links(text).collect::<Vec<_>>(), expected);
    }
}
