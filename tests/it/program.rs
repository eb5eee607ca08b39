//! Runs the built program as a user would; knows its command line, not its code.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program's output and exit code.
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs the program in the project's folder.
pub fn keyfault<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ran {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_keyfault"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("NO_COLOR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Analyses inputs into a folder of their own.
pub fn analyze(inputs: &[&Path], out: &Path, more: &[&str]) -> Ran {
    let mut arguments: Vec<PathBuf> = vec!["analyze".into()];
    arguments.extend(inputs.iter().map(|i| i.to_path_buf()));
    arguments.extend(["--out".into(), out.to_path_buf()]);
    arguments.extend(more.iter().map(PathBuf::from));
    keyfault(&arguments)
}

/// All files below a folder, by name, with their bytes.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = entries.filter(|e| e.file_type().is_file());
    files
        .map(|e| (e.path().strip_prefix(folder).unwrap().display().to_string(), std::fs::read(e.path()).unwrap()))
        .collect()
}

#[test]
fn help_and_exit_codes_say_what_they_mean() {
    let help = keyfault(&["analyze", "--help"]);
    assert_eq!(help.code, 0);
    assert!(help.stdout.contains("--fail-on") && help.stdout.contains("--strict"), "{}", help.stdout);
    assert_eq!(keyfault(&["analyze"]).code, 2);
    let missing = keyfault(&["analyze", "no/such/file"]);
    assert_eq!((missing.code, missing.stdout.as_str()), (2, ""));
    assert!(missing.stderr.contains("no/such/file: no such file or folder; check the path"), "{}", missing.stderr);
}

#[test]
fn every_rule_and_mapping_passes_its_own_tests() {
    for command in [&["rules", "test"][..], &["sources", "test"]] {
        let ran = keyfault(command);
        let last = ran.stdout.lines().last().unwrap_or_default();
        assert!(ran.code == 0 && last.ends_with(" passed, 0 failed") && !last.starts_with("0 "), "{}", ran.stdout);
    }
    let lint = keyfault(&["rules", "lint"]);
    assert_eq!((lint.code, lint.stdout.as_str()), (0, ""), "{}", lint.stderr);
}

#[test]
fn the_samples_tell_the_story_of_their_page() {
    let out = tempfile::tempdir().unwrap();
    let report = out.path().join("report");
    let ran = analyze(&[Path::new("samples")], &report, &["--format", "csv", "--fail-on", "high"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let told: Vec<String> =
        ran.stdout.lines().map(|l| l.splitn(13, ',').take(12).collect::<Vec<_>>().join(",")).collect();
    insta::assert_snapshot!("samples_incidents", told.join("\n"));
    assert_eq!(analyze(&[Path::new("samples")], &report, &["--strict"]).code, 0);
}

#[test]
fn broken_rules_stop_a_run_and_only_when_they_should() {
    let folder = tempfile::tempdir().unwrap();
    let rule = folder.path().join("broken.yml");
    std::fs::write(&rule, "title: x\ntaxonomy: keyfault\nlogsource: {product: keyfault}\ndetection:\n  selection: {eror_code: x}\n  condition: selection\n").unwrap();
    let report = folder.path().join("report");
    let rules = rule.display().to_string();
    let stopped = analyze(&[Path::new("samples/kong")], &report, &["--rules", &rules]);
    assert_eq!(stopped.code, 2);
    assert!(stopped.stderr.contains("broken.yml:5:15: unknown field \"eror_code\""), "{}", stopped.stderr);
    let on = analyze(&[Path::new("samples/kong")], &report, &["--rules", &rules, "--skip-broken-rules"]);
    assert!(on.code == 0 && on.stderr.contains("1 broken rules skipped"), "{}", on.stderr);
    let lint = keyfault(&["rules", "lint", &rules]);
    assert!(lint.code == 2 && lint.stdout.contains("broken.yml:5:15"), "{}", lint.stdout);
}
