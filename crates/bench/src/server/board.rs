//! The figures of all servers, and the table that they make.

use std::fmt::Write as _;

use crate::report::quoted;

/// What is measured of every server.
#[derive(Debug)]
struct Row {
    key: String,
    name: String,
    decimals: usize,
    /// For each server the figure of each trial; none when it does not have what is measured.
    trials: Vec<Vec<f64>>,
}

/// The figures of several servers. The first is the one that the others are there for; the second is what it is compared
/// with.
#[derive(Debug)]
pub struct Board {
    names: Vec<String>,
    rows: Vec<Row>,
}

/// A row of figures with so many decimals.
#[derive(Clone, Copy, Debug)]
pub struct What<'a> {
    /// Its key in JSON.
    pub key: &'a str,
    /// What it shows, with the unit.
    pub name: &'a str,
    /// Decimals of the figures.
    pub decimals: usize,
}

impl Board {
    /// An empty one for these servers.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        Self { names, rows: Vec::new() }
    }

    /// Adds the figure of one trial of the server number `server`.
    ///
    /// # Panics
    /// When there is no such server.
    pub fn put(&mut self, what: What<'_>, server: usize, figure: f64) {
        let at = self.rows.iter().position(|row| row.key == what.key).unwrap_or_else(|| {
            self.rows.push(Row {
                key: what.key.to_owned(),
                name: what.name.to_owned(),
                decimals: what.decimals,
                trials: vec![Vec::new(); self.names.len()],
            });
            self.rows.len() - 1
        });
        self.rows[at].trials[server].push(figure);
    }

    /// The table in Markdown: medians, and the first server's ratio to the second one: of each trial, as both were
    /// measured one right after the other; the median of these, the least and the greatest.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut columns = vec![String::new()];
        for (at, name) in self.names.iter().enumerate() {
            columns.push(name.clone());
            if at == 1 {
                columns.push(format!("{} : {name}", self.names[0]));
            }
        }
        let mut out = line(&columns);
        out.push_str("|---|");
        out.push_str(&"---:|".repeat(columns.len() - 1));
        out.push('\n');
        for row in &self.rows {
            let mut cells = vec![row.name.clone()];
            for (at, trials) in row.trials.iter().enumerate() {
                cells.push(median(trials).map_or("–".to_owned(), |figure| row.number(figure)));
                if at == 1 {
                    cells.push(ratio(&row.trials[0], trials).unwrap_or("–".to_owned()));
                }
            }
            out.push_str(&line(&cells));
        }
        out
    }

    /// Every figure of every trial, as the value of a JSON member.
    #[must_use]
    pub fn json(&self) -> String {
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|row| {
                let servers = self.names.iter().zip(&row.trials).map(|(name, trials)| {
                    let trials: Vec<String> = trials.iter().map(|figure| format!("{figure:.6}")).collect();
                    format!("{}:[{}]", quoted(name), trials.join(","))
                });
                let servers: Vec<String> = servers.collect();
                format!(
                    "{{\"key\":{},\"name\":{},\"servers\":{{{}}}}}",
                    quoted(&row.key),
                    quoted(&row.name),
                    servers.join(",")
                )
            })
            .collect();
        format!("[{}]", rows.join(","))
    }
}

impl Row {
    fn number(&self, figure: f64) -> String {
        let decimals = self.decimals;
        format!("{figure:.decimals$}")
    }
}

fn line(cells: &[String]) -> String {
    let mut out = String::from("|");
    for cell in cells {
        let _ = write!(out, " {cell} |");
    }
    out.push('\n');
    out
}

/// The middle of some figures; of an even number of them, the mean of the two in the middle.
#[must_use]
pub fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

fn ratio(first: &[f64], second: &[f64]) -> Option<String> {
    let mut ratios: Vec<f64> = first.iter().zip(second).map(|(a, b)| a / b).collect();
    ratios.sort_by(f64::total_cmp);
    let (least, middle, greatest) = (ratios.first()?, median(&ratios)?, ratios.last()?);
    if !middle.is_finite() {
        return None;
    }
    if ratios.len() == 1 {
        return Some(format!("{middle:.2}"));
    }
    Some(format!("{middle:.2} ({least:.2}–{greatest:.2})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_medians_and_ratios_of_trials_that_belong_together() {
        let mut board = Board::new(vec!["A".to_owned(), "B".to_owned(), "C".to_owned()]);
        let speed = What { key: "s", name: "speed, m/s", decimals: 1 };
        for (a, b) in [(1.0, 2.0), (4.0, 4.0), (6.0, 8.0)] {
            board.put(speed, 0, a);
            board.put(speed, 1, b);
        }
        board.put(What { key: "w", name: "weight", decimals: 0 }, 2, 7.0);
        assert_eq!(
            board.markdown(),
            "|  | A | B | A : B | C |\n|---|---:|---:|---:|---:|\n\
             | speed, m/s | 4.0 | 4.0 | 0.75 (0.50–1.00) | – |\n| weight | – | – | – | 7 |\n"
        );
        assert!(board.json().contains(r#"{"A":[1.000000,4.000000,6.000000],"B":[2.000000"#));
    }

    #[test]
    fn nothing_is_so_many_times_nothing() {
        assert_eq!(ratio(&[1.0, 0.0], &[0.0, 0.0]), None);
        assert_eq!(ratio(&[0.0], &[2.0]), Some("0.00".to_owned()));
    }

    #[test]
    fn an_even_number_of_figures_has_a_middle_too() {
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }
}
