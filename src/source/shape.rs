//! The shapes of keys by provider: prefix, length, marks and checksums that tell offline whose a key is and whether it is whole.
//! Facts from gitleaks' and trufflehog's detectors (reference: gateways_providers.md, section C). Knows no log source.

/// What keys of one kind look like.
#[derive(Debug)]
pub struct Shape {
    /// Who issues them, as in the `provider` column.
    pub provider: &'static str,
    /// What every one begins with.
    pub prefix: &'static str,
    /// The kind of credential.
    pub kind: &'static str,
    /// Shortest and longest whole key in characters, prefix included.
    pub length: (usize, usize),
    /// A mark every whole key holds somewhere after the prefix, or nothing.
    pub mark: &'static str,
    /// What every whole key ends with, or nothing.
    pub suffix: &'static str,
}

const fn shape(provider: &'static str, prefix: &'static str, length: (usize, usize)) -> Shape {
    Shape { provider, prefix, kind: "api_key", length, mark: "", suffix: "" }
}

const fn of_kind(kind: &'static str, shape: Shape) -> Shape {
    Shape { kind, ..shape }
}

const fn marked(mark: &'static str, suffix: &'static str, shape: Shape) -> Shape {
    Shape { mark, suffix, ..shape }
}

/// All shapes. The longest matching prefix wins, so the order means nothing; it is alphabetical by provider.
pub const SHAPES: &[Shape] = &[
    marked("", "AA", shape("anthropic", "sk-ant-admin01-", (110, 110))),
    shape("anthropic", "sk-ant-api01-", (20, 200)),
    marked("", "AA", shape("anthropic", "sk-ant-api03-", (108, 108))),
    of_kind("token", shape("anthropic", "sk-ant-oat01-", (20, 200))),
    of_kind("token", shape("anthropic", "sk-ant-ort01-", (20, 200))),
    of_kind("access_key", shape("aws", "ABIA", (20, 20))),
    shape("aws", "ABSK", (113, 273)),
    of_kind("access_key", shape("aws", "ACCA", (20, 20))),
    of_kind("access_key", shape("aws", "AKIA", (20, 20))),
    of_kind("temporary_key", shape("aws", "ASIA", (20, 20))),
    of_kind("temporary_key", marked("YmVkcm9jay5hbWF6b25hd3MuY29t", "", shape("aws", "bedrock-api-key-", (44, 8192)))),
    of_kind("token", shape("databricks", "dapi", (36, 38))),
    of_kind("token", shape("digitalocean", "doo_v1_", (71, 71))),
    of_kind("token", shape("digitalocean", "dop_v1_", (71, 71))),
    of_kind("token", shape("digitalocean", "dor_v1_", (71, 71))),
    shape("gcp", "AIza", (39, 39)),
    shape("gcp", "AQ.", (40, 200)),
    of_kind("token", shape("gcp", "ya29.", (20, 2048))),
    of_kind("token", shape("github", "gho_", (40, 40))),
    of_kind("token", shape("github", "ghp_", (40, 40))),
    of_kind("token", shape("github", "ghr_", (40, 40))),
    of_kind("token", shape("github", "ghs_", (40, 40))),
    of_kind("token", shape("github", "ghu_", (40, 40))),
    of_kind("token", shape("github", "github_pat_", (93, 93))),
    of_kind("token", shape("gitlab", "glagent-", (58, 320))),
    of_kind("token", shape("gitlab", "glcbt-", (26, 320))),
    of_kind("token", shape("gitlab", "gldt-", (25, 320))),
    of_kind("token", shape("gitlab", "glft-", (25, 320))),
    of_kind("token", shape("gitlab", "glimt-", (31, 320))),
    of_kind("token", shape("gitlab", "gloas-", (70, 320))),
    of_kind("token", shape("gitlab", "glpat-", (26, 320))),
    of_kind("token", shape("gitlab", "glptt-", (46, 320))),
    of_kind("token", shape("gitlab", "glrt-", (25, 320))),
    of_kind("token", shape("grafana", "glc_", (36, 407))),
    of_kind("token", shape("grafana", "glsa_", (46, 46))),
    shape("groq", "gsk_", (56, 56)),
    of_kind("token", shape("heroku", "HRKU-AA", (65, 65))),
    of_kind("token", shape("huggingface", "api_org_", (42, 42))),
    of_kind("token", shape("huggingface", "hf_", (37, 37))),
    shape("langfuse", "pk-lf-", (42, 42)),
    shape("langfuse", "sk-lf-", (42, 42)),
    shape("langsmith", "lsv2_pt_", (51, 51)),
    shape("langsmith", "lsv2_sk_", (51, 51)),
    shape("linear", "lin_api_", (48, 48)),
    of_kind("token", shape("notion", "ntn_", (50, 50))),
    of_kind("token", shape("npm", "npm_", (40, 40))),
    shape("nvidia", "nvapi-", (70, 70)),
    marked("T3BlbkFJ", "", shape("openai", "sk-admin-", (100, 200))),
    marked("T3BlbkFJ", "", shape("openai", "sk-proj-", (100, 200))),
    marked("T3BlbkFJ", "", shape("openai", "sk-service-", (60, 200))),
    marked("T3BlbkFJ", "", shape("openai", "sk-svcacct-", (100, 200))),
    shape("openrouter", "sk-or-v1-", (73, 73)),
    shape("perplexity", "pplx-", (53, 53)),
    shape("postman", "PMAK-", (64, 64)),
    shape("replicate", "r8_", (40, 40)),
    shape("sendgrid", "SG.", (66, 72)),
    of_kind("token", shape("sentry", "sntrys_", (80, 400))),
    of_kind("token", shape("sentry", "sntryu_", (71, 71))),
    of_kind("token", shape("shopify", "shpat_", (38, 38))),
    of_kind("token", shape("shopify", "shpca_", (38, 38))),
    of_kind("token", shape("shopify", "shppa_", (38, 38))),
    of_kind("token", shape("slack", "xapp-", (20, 200))),
    of_kind("token", shape("slack", "xoxa-", (20, 200))),
    of_kind("token", shape("slack", "xoxb-", (20, 200))),
    of_kind("token", shape("slack", "xoxe.", (20, 300))),
    of_kind("token", shape("slack", "xoxp-", (20, 200))),
    of_kind("token", shape("slack", "xoxr-", (20, 200))),
    of_kind("token", shape("slack", "xoxs-", (20, 200))),
    of_kind("token", shape("square", "sq0atp-", (29, 67))),
    shape("stripe", "pk_live_", (18, 260)),
    shape("stripe", "pk_test_", (18, 260)),
    shape("stripe", "rk_live_", (18, 260)),
    shape("stripe", "rk_prod_", (18, 260)),
    shape("stripe", "rk_test_", (18, 260)),
    shape("stripe", "sk_live_", (18, 260)),
    shape("stripe", "sk_prod_", (18, 260)),
    shape("stripe", "sk_test_", (18, 260)),
    of_kind("webhook_secret", shape("stripe", "whsec_", (16, 100))),
    of_kind("token", shape("vault", "hvb.", (28, 400))),
    of_kind("token", shape("vault", "hvs.", (28, 200))),
    shape("xai", "xai-", (84, 84)),
];

/// The shape of a key, by its longest known prefix. A bare `sk-` key with OpenAI's mark is OpenAI's older form; other bare `sk-` keys
/// are issued by too many (LiteLLM, DeepSeek, one-api) to tell whose they are.
pub fn shape_of(key: &str) -> Option<&'static Shape> {
    static OLD_OPENAI: Shape = marked("T3BlbkFJ", "", shape("openai", "sk-", (51, 51)));
    let known = SHAPES.iter().filter(|s| key.starts_with(s.prefix)).max_by_key(|s| s.prefix.len());
    known.or_else(|| (key.starts_with("sk-") && key.contains("T3BlbkFJ")).then_some(&OLD_OPENAI))
}

impl Shape {
    /// What keeps a key of this prefix from being whole: `truncated`, `bad_length`, `bad_checksum`.
    pub fn defect(&self, key: &str) -> Option<&'static str> {
        let length = key.chars().count();
        if length < self.length.0 || (!self.mark.is_empty() && !key.contains(self.mark) && length <= self.length.1) {
            return Some("truncated");
        }
        if length > self.length.1 {
            return Some("bad_length");
        }
        let checksum_ok =
            key.ends_with(self.suffix) && (self.provider != "github" || self.length.0 != 40 || github_checksum_ok(key));
        (!checksum_ok).then_some("bad_checksum")
    }
}

/// GitHub's tokens end in six base62 digits of the CRC-32 of the thirty before them
/// (<https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/>).
fn github_checksum_ok(key: &str) -> bool {
    let Some((_, body)) = key.split_once('_') else { return false };
    let (Some(random), Some(check)) = (body.get(..30), body.get(30..36)) else { return false };
    let mut crc = flate2::Crc::new();
    crc.update(random.as_bytes());
    base62(crc.sum()) == check
}

fn base62(mut number: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, provider: Option<&str>, defect: Option<&str>) {
        let shape = shape_of(key);
        assert_eq!(shape.map(|s| s.provider), provider, "{key}");
        assert_eq!(shape.and_then(|s| s.defect(key)), defect, "{key}");
    }

    #[test]
    fn keys_are_told_by_their_shape() {
        let filler = "x".repeat(93);
        check(&format!("sk-ant-api03-{filler}AA"), Some("anthropic"), None);
        check(&format!("sk-ant-api03-{filler}AB"), Some("anthropic"), Some("bad_checksum"));
        check("sk-ant-api03-short", Some("anthropic"), Some("truncated"));
        check(&format!("sk-proj-{}T3BlbkFJ{}", "a".repeat(74), "b".repeat(74)), Some("openai"), None);
        check(&format!("sk-proj-{}", "a".repeat(100)), Some("openai"), Some("truncated"));
        check("AIzaSyEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMP", Some("gcp"), None);
        check("AIzaSyEXAMPLEEXAMPLEEXAMPLEEXAMPLEEXAMPLEX", Some("gcp"), Some("bad_length"));
        check("sk-1234567890abcdef", None, None);
        // A token published as an example by GitHub's own tooling tests would be a secret; the checksum is checked both ways instead.
        let random = "0123456789abcdefghijABCDEFGHIJ";
        let mut crc = flate2::Crc::new();
        crc.update(random.as_bytes());
        check(&format!("ghp_{random}{}", base62(crc.sum())), Some("github"), None);
        check(&format!("ghp_{random}000000"), Some("github"), Some("bad_checksum"));
        check(&format!("ghr_{random}{}", base62(crc.sum())), Some("github"), None);
    }

    #[test]
    fn the_longest_prefix_tells_the_kind() {
        let hex = "0123456789abcdef".repeat(4);
        for (key, provider) in [
            (format!("sk-lf-{}-89ab-4def-8123-{}", &hex[..8], &hex[..12]), "langfuse"),
            (format!("lsv2_pt_{}_{}", &hex[..32], &hex[..10]), "langsmith"),
            (format!("dapi{}", &hex[..32]), "databricks"),
            (format!("dop_v1_{hex}"), "digitalocean"),
            (format!("glsa_{}_{}", &hex[..32], &hex[..8]), "grafana"),
            (format!("PMAK-{}-{}", &hex[..24], &hex[..34]), "postman"),
            (format!("shpat_{}", &hex[..32]), "shopify"),
            (format!("pk_test_{}", &hex[..24]), "stripe"),
            (format!("bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t{hex}"), "aws"),
        ] {
            check(&key, Some(provider), None);
            let shape = shape_of(&key).unwrap();
            assert_eq!(shape.defect(&key[..shape.prefix.len() + 5]), Some("truncated"), "{key}");
        }
        assert_eq!(shape_of("ABIAIOSFODNN7EXAMPLE").map(|s| s.kind), Some("access_key"));
        assert_eq!(shape_of("whsec_0123456789abcdef").map(|s| s.kind), Some("webhook_secret"));
    }

    #[test]
    fn no_prefix_is_listed_twice() {
        let mut prefixes: Vec<&str> = SHAPES.iter().map(|s| s.prefix).collect();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), SHAPES.len());
    }
}
