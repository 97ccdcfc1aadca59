//! Figures and their tables, for people and as JSON.

use std::fmt::Write as _;

/// A figure over several trials.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// That of the middle trial.
    pub median: f64,
    /// That of the best one: the least time, the highest rate.
    pub best: f64,
}

impl Figure {
    /// Of times, of which the least is best.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn of(mut trials: Vec<f64>) -> Self {
        trials.sort_by(f64::total_cmp);
        Self { median: trials[trials.len() / 2], best: trials[0] }
    }

    /// The same computation on both.
    #[must_use]
    pub fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { median: f(self.median), best: f(self.best) }
    }

    /// The same computation on both of two.
    #[must_use]
    pub fn with(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self { median: f(self.median, other.median), best: f(self.best, other.best) }
    }
}

/// What stands in a place of a table.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A word.
    Text(String),
    /// A figure with so many decimals.
    Figure(Figure, usize),
    /// A number that is the same every time.
    Number(f64, usize),
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its key in JSON.
    pub key: &'static str,
    /// What it shows.
    pub title: String,
    /// Its columns.
    pub columns: Vec<&'static str>,
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Cell {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Figure(figure, decimals) => {
                format!("{:.decimals$} ({:.decimals$})", figure.median, figure.best)
            }
            Self::Number(number, decimals) => format!("{number:.decimals$}"),
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Figure(figure, _) => {
                format!("{{\"median\":{:.4},\"best\":{:.4}}}", figure.median, figure.best)
            }
            Self::Number(number, _) => format!("{number:.4}"),
        }
    }
}

/// All tables as text.
#[must_use]
pub fn text(facts: &[(&'static str, String)], tables: &[Table]) -> String {
    let mut out = String::new();
    for (name, value) in facts {
        let _ = writeln!(out, "{name:<8} {value}");
    }
    for table in tables {
        let _ = writeln!(out, "\n{}", table.title);
        let mut lines = vec![table.columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
        lines.extend(table.rows.iter().map(|row| row.iter().map(Cell::text).collect()));
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
        for line in &lines {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(at, (cell, width))| {
                    if matches!(table.rows.first().map(|row| &row[at]), Some(Cell::Text(_))) {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            let _ = writeln!(out, "{}", cells.join("  ").trim_end());
        }
    }
    out
}

/// All tables as one JSON object.
#[must_use]
pub fn json(facts: &[(&'static str, String)], tables: &[Table]) -> String {
    let mut parts: Vec<String> =
        facts.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
    for table in tables {
        let rows: Vec<String> = table
            .rows
            .iter()
            .map(|row| {
                let cells = table.columns.iter().zip(row);
                let cells: Vec<String> =
                    cells.map(|(name, cell)| format!("{}:{}", quoted(name), cell.json())).collect();
                format!("{{{}}}", cells.join(","))
            })
            .collect();
        parts.push(format!("{}:[{}]", quoted(table.key), rows.join(",")));
    }
    format!("{{{}}}", parts.join(","))
}

pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_middle_and_the_least() {
        let figure = Figure::of(vec![3.0, 1.0, 9.0]);
        assert_eq!(figure, Figure { median: 3.0, best: 1.0 });
        assert_eq!(figure.map(|ns| 9.0 / ns), Figure { median: 3.0, best: 9.0 });
    }

    #[test]
    fn text_and_json_show_the_same_figures() {
        let row = vec![
            Cell::Text("a\"b".to_owned()),
            Cell::Figure(Figure { median: 2.0, best: 1.5 }, 1),
            Cell::Number(7.0, 0),
        ];
        let table =
            Table { key: "t", title: "T".to_owned(), columns: vec!["what", "ns", "n"], rows: vec![row] };
        let facts = [("cpu", "x".to_owned())];
        assert_eq!(
            text(&facts, std::slice::from_ref(&table)),
            "cpu      x\n\nT\nwhat         ns  n\na\"b   2.0 (1.5)  7\n"
        );
        assert_eq!(
            json(&facts, &[table]),
            r#"{"cpu":"x","t":[{"what":"a\"b","ns":{"median":2.0000,"best":1.5000},"n":7.0000}]}"#
        );
    }
}
