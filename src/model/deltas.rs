//! Writes ascending numbers as the differences between them: a year of hours in two or three bytes an hour; knows not what they count.

use serde::{Deserialize, Deserializer, Serializer};

/// Writes pairs in the order of their first numbers.
pub fn serialize<S: Serializer>(pairs: &[(i64, u32)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut before = 0i64;
    let differences = pairs.iter().map(|(number, with)| {
        let difference = number.wrapping_sub(std::mem::replace(&mut before, *number));
        (difference, *with)
    });
    serializer.collect_seq(differences)
}

/// Reads what [`serialize`] wrote.
pub fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<(i64, u32)>, D::Error> {
    let mut pairs = Vec::<(i64, u32)>::deserialize(deserializer)?;
    let mut before = 0i64;
    for (number, _) in &mut pairs {
        *number = before.wrapping_add(*number);
        before = *number;
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Hours(#[serde(with = "super")] Vec<(i64, u32)>);

    #[test]
    fn a_year_of_hours_takes_few_bytes() {
        let hours = Hours((0..8_760).map(|h| (490_000 + h, h as u32 % 100)).collect());
        let bytes = postcard::to_allocvec(&hours).unwrap();
        assert!(bytes.len() < 20_000, "{}", bytes.len());
        assert_eq!(postcard::from_bytes::<Hours>(&bytes).unwrap(), hours);
        let odd = Hours(vec![(i64::MIN, 1), (-1, 2), (i64::MAX, 3)]);
        assert_eq!(postcard::from_bytes::<Hours>(&postcard::to_allocvec(&odd).unwrap()).unwrap(), odd);
    }
}
