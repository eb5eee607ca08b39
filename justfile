# The project's own commands; `just` lists them.
set positional-arguments

# list the recipes
default:
    @just --list --unsorted

# what every change must pass, exactly as CI runs it
check:
    .ci/run

# the tests; arguments go to cargo: `just test --lib rule::`
test *ARGS:
    cargo test --locked "$@"

# accept changed snapshots and write generated documents
bless *ARGS:
    INSTA_UPDATE=always BLESS=1 cargo test --locked "$@"

# the opt-in tests over a folder of real logs and their ground truth
corpora DIR:
    KEYFAULT_CORPORA="$1" cargo test --locked --test it corpora -- --nocapture

# the limit program and `keyfault analyze` on the same folder of CloudTrail logs, and their ratio
bench-limit DIR *RUNS:
    cargo bench --locked --bench limit -- "$1"
    cargo bench --locked --bench pipeline -- "$@"

# what 0 to 3,000 more rules cost, and all sources against one
bench-rules DIR *RUNS:
    cargo bench --locked --bench rules -- "$@"

# anomalies put among weeks of what credentials did in a folder of real logs: precision, recall, false alerts; a year of baselines
bench-anomalies DIR *SEEDS:
    cargo bench --locked --bench anomalies -- "$@"

# a log of very many distinct credentials, accepted and refused: time against ten times fewer, and memory
bench-credentials NUMBER *RUNS:
    cargo bench --locked --bench credentials -- "$@"

# kills so many runs on a store at random moments, of made-up logs or those in a folder: the same rows as without
kill-store KILLS *FOLDER:
    cargo build --locked --release
    KEYFAULT_PROGRAM="${CARGO_TARGET_DIR:-target}/release/keyfault" KEYFAULT_KILLS="$1" ${2:+KEYFAULT_KILL_INPUTS="$2"} cargo test --locked --test it many_kills -- --nocapture

# the documentation of the code, private items too
docs:
    cargo doc --no-deps --document-private-items --open

# licences, advisories and duplicates of the dependencies (needs cargo-deny)
deny:
    cargo deny check
