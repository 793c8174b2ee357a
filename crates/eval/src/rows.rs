//! Questions as tokens.

use blueberry_data::{Tokenizer, TokenizerError};

use crate::Item;

/// A context and a continuation as one row of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// At least two.
    pub tokens: Vec<u16>,
    /// Index of the continuation's first token, 1 or more: the model is asked for the tokens from there on.
    pub from: usize,
}

/// One row for each option of `item`, in order, of at most `longest` tokens (2 or more): what is too long loses its
/// beginning.
///
/// Context and continuation are encoded as one text, as a document would be, and a row begins with the token that ends
/// a document, after which a model has learnt to begin afresh. The continuation begins where the tokens of the context
/// alone end.
///
/// # Errors
/// The tokenizer cannot encode a text.
///
/// # Panics
/// If `longest` is below 2.
pub fn rows(item: &Item, tokenizer: &Tokenizer, longest: usize) -> Result<Vec<Row>, TokenizerError> {
    assert!(longest >= 2, "a row has a token before the one that is asked for");
    let encode = |text: &str| -> Result<Vec<u16>, TokenizerError> {
        let mut tokens: Vec<u16> = tokenizer.end_of_document().into_iter().collect();
        tokenizer.encode(text, &mut tokens)?;
        Ok(tokens)
    };
    let row = |pair: &crate::Pair| -> Result<Row, TokenizerError> {
        let context = encode(&pair.context)?;
        let mut tokens = encode(&format!("{}{}", pair.context, pair.continuation))?;
        // Where the two grew together into one token, that one is asked for.
        let from = context.len().min(tokens.len().saturating_sub(1));
        let cut = tokens.len().saturating_sub(longest);
        tokens.drain(..cut);
        Ok(Row {
            tokens,
            from: from.saturating_sub(cut).max(1),
        })
    };
    item.options.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pair;

    fn item(context: &str, continuations: &[&str]) -> Item {
        let option = |continuation: &&str| Pair {
            context: context.into(),
            continuation: (*continuation).into(),
        };
        Item {
            options: continuations.iter().map(option).collect(),
            gold: 0,
        }
    }

    /// 256 ends a document of bytes.
    #[test]
    fn a_row_is_the_end_of_a_document_the_context_and_the_continuation() {
        let rows = rows(&item("ab", &[" c", " de"]), &Tokenizer::bytes(), 64).unwrap();
        let bytes = |text: &str| text.bytes().map(u16::from).collect::<Vec<_>>();
        assert_eq!(
            rows[0],
            Row {
                tokens: [vec![256], bytes("ab c")].concat(),
                from: 3
            }
        );
        assert_eq!(rows[1].tokens[rows[1].from..], bytes(" de"));
    }

    #[test]
    fn a_long_row_loses_its_beginning() {
        let long = "x".repeat(100);
        let row = &rows(&item(&long, &[" yz"]), &Tokenizer::bytes(), 8).unwrap()[0];
        assert_eq!((row.tokens.len(), row.from), (8, 5));
        assert_eq!(row.tokens[5..], [32, 121, 122]);
        // A continuation longer than the row: all but its first token is asked for.
        let row = &rows(&item("a", &[&long]), &Tokenizer::bytes(), 8).unwrap()[0];
        assert_eq!((row.tokens.len(), row.from), (8, 1));
    }
}
