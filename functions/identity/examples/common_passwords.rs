//! Compiles the list of common passwords: words come one a line, or as a JSON array of texts, from the
//! files that are named, and the list goes to the standard output. `make common-passwords` calls it.

use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words: Vec<String> = Vec::new();
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        match serde_json::from_str::<Vec<String>>(&text) {
            Ok(list) => words.extend(list),
            Err(_) => words.extend(text.lines().map(ToOwned::to_owned)),
        }
    }
    let list = identity::common_passwords::compile(words.iter().map(String::as_str));
    Ok(std::io::stdout().write_all(&list)?)
}
