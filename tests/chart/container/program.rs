// SPDX-License-Identifier: Apache-2.0
//! The program for the image: built with the command of the Containerfile, but without `--release`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::root;

/// Builds it, and says where it lies.  What it is made of was compiled for the other tests: the flag is for the program
/// alone.
pub(super) fn build() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = temporary.parent().expect("the folder for temporary files is cargo's");
    // The other tests start a program of the same name.
    let own = temporary.join("image");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(arguments())
        .env("CARGO_BUILD_BUILD_DIR", target)
        .env("CARGO_TARGET_DIR", &own)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    own.join("debug/postern")
}

/// What the Containerfile tells cargo.
fn arguments() -> Vec<String> {
    let file = root().join("deploy/Containerfile");
    let text = fs::read_to_string(file).expect("there is a Containerfile");
    let (_, command) = text.split_once("RUN cargo ").expect("it builds the program with cargo");
    let command = command.lines().next().unwrap_or_default().trim_end_matches('\\');
    let words = command.split_whitespace().filter(|word| *word != "--release");
    words.map(str::to_owned).collect()
}

/// Fails the test when the kernel would look for an interpreter beside the program: there is none in the image.
pub(super) fn is_static(program: &Path) {
    const INTERPRETER: u64 = 3;
    let file = fs::read(program).expect("the program is there");
    // The layout of a 64-bit ELF file's header, and of its table of segments.
    let number = |at: usize, bytes: usize| {
        let digits = file.get(at..at + bytes).expect("an ELF file has its headers");
        digits.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
    };
    assert_eq!(&file[..5], b"\x7fELF\x02", "{} is no 64-bit ELF file", program.display());
    let (start, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    assert!(count > 0, "it has segments");
    for segment in 0..count {
        let at = usize::try_from(start + segment * size).expect("the file is in memory");
        assert_ne!(number(at, 4), INTERPRETER, "{} is not static", program.display());
    }
}
