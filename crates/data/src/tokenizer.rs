//! Text to token ids and back.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tokenizers::Tokenizer as HuggingFace;

use crate::digest::hex;
use crate::error::{AtPath, TokenizerError};
use crate::library::caught;
use crate::manifest::{TokenizerInfo, TokenizerKind};

/// No tokenizer of at most 65,536 tokens comes near this size.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Ids are stored as `u16`.
const MAX_VOCABULARY: usize = 1 << 16;
/// Texts beyond this are encoded in pieces: the encoder keeps some 100 bytes for every token.
const PIECE_BYTES: usize = 256 << 10;
/// The id after every document of the byte tokenizer.
const BYTE_END: u16 = 256;
/// What a vocabulary may call the end of a document, best first.
const END_NAMES: [&str; 2] = ["<|endoftext|>", "</s>"];

/// Text to 16-bit token ids and back.
pub struct Tokenizer {
    scheme: Scheme,
    vocab_size: u32,
    sha256: String,
}

enum Scheme {
    Bytes,
    HuggingFace {
        model: Box<HuggingFace>,
        json: Vec<u8>,
        end: Option<u16>,
    },
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tokenizer").field(&self.info()).finish()
    }
}

impl Tokenizer {
    /// The 256 bytes, and 256 for the end of a document.
    #[must_use]
    pub fn bytes() -> Self {
        let sha256 = hex(&Sha256::digest(b"bytes 0..=255, 256 ends a document"));
        Self {
            scheme: Scheme::Bytes,
            vocab_size: u32::from(BYTE_END) + 1,
            sha256,
        }
    }

    /// A Hugging Face `tokenizer.json`. Truncation and padding that the file may ask for are switched off: a
    /// document is encoded whole.
    ///
    /// # Errors
    /// The file cannot be read, is no tokenizer, or has a vocabulary of more than 65,536.
    pub fn from_file(path: &Path) -> Result<Self, TokenizerError> {
        let bytes = fs::metadata(path).at("read", path)?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(TokenizerError::TooLarge {
                path: path.to_owned(),
                bytes,
                limit: MAX_FILE_BYTES,
            });
        }
        Self::from_json(fs::read(path).at("read", path)?, path)
    }

    /// `path` only serves the messages.
    fn from_json(json: Vec<u8>, path: &Path) -> Result<Self, TokenizerError> {
        let malformed = |cause| TokenizerError::Malformed {
            path: path.to_owned(),
            cause,
        };
        let mut model = flat(caught(|| HuggingFace::from_bytes(&json))).map_err(malformed)?;
        model.with_truncation(None).map_err(malformed)?;
        model.with_padding(None);
        let vocab_size = checked_vocabulary(&model, path)?;
        let end = END_NAMES
            .iter()
            .find_map(|name| model.token_to_id(name))
            .and_then(|id| u16::try_from(id).ok());
        let sha256 = hex(&Sha256::digest(&json));
        Ok(Self {
            scheme: Scheme::HuggingFace {
                model: Box::new(model),
                json,
                end,
            },
            vocab_size,
            sha256,
        })
    }

    /// Largest id plus one: the number of rows that an embedding needs.
    #[must_use]
    pub fn vocab_size(&self) -> u32 {
        self.vocab_size
    }

    /// What a manifest says of this tokenizer.
    #[must_use]
    pub fn info(&self) -> TokenizerInfo {
        let kind = match self.scheme {
            Scheme::Bytes => TokenizerKind::Bytes,
            Scheme::HuggingFace { .. } => TokenizerKind::HuggingFace,
        };
        let end_of_document = self.end_of_document();
        TokenizerInfo {
            kind,
            vocab_size: self.vocab_size,
            sha256: self.sha256.clone(),
            end_of_document,
        }
    }

    /// SHA-256 of the file, in hex; of a fixed sentence for the byte tokenizer.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The token that ends a document: 256 for bytes, `<|endoftext|>` or `</s>` in a vocabulary that has it.
    #[must_use]
    pub fn end_of_document(&self) -> Option<u16> {
        match &self.scheme {
            Scheme::Bytes => Some(BYTE_END),
            Scheme::HuggingFace { end, .. } => *end,
        }
    }

    /// The `tokenizer.json` that this was made from; none for bytes.
    #[must_use]
    pub fn json(&self) -> Option<&[u8]> {
        match &self.scheme {
            Scheme::Bytes => None,
            Scheme::HuggingFace { json, .. } => Some(json),
        }
    }

    /// Appends the tokens of `text` to `out`.
    ///
    /// Nothing is added before or after. A text that spells a special token, such as `<|endoftext|>`, yields that
    /// token, as `encode(text, add_special_tokens=False)` does in Python; the byte tokenizer has no spelling for its
    /// end of document. A text of more than 256 KiB is encoded in pieces that are cut between a letter and the space
    /// after it, where the pre-tokenizers of the GPT-2 and tiktoken families cut anyway, so that their tokens stay
    /// the same; where a stretch has no such place, at its last character.
    ///
    /// # Errors
    /// The vocabulary has no token for a piece of the text and no unknown token.
    pub fn encode(&self, text: &str, out: &mut Vec<u16>) -> Result<(), TokenizerError> {
        match &self.scheme {
            Scheme::Bytes => out.extend(text.bytes().map(u16::from)),
            Scheme::HuggingFace { model, .. } => {
                for piece in pieces(text, PIECE_BYTES) {
                    encode_piece(model, piece, out)?;
                }
            }
        }
        Ok(())
    }

    /// The text of `tokens`. Bytes that are no UTF-8 become U+FFFD; special tokens of a vocabulary are spelt out; the
    /// end of a document in bytes, and ids beyond the vocabulary, are left out.
    #[must_use]
    pub fn decode(&self, tokens: &[u16]) -> String {
        match &self.scheme {
            Scheme::Bytes => {
                let bytes: Vec<u8> = tokens
                    .iter()
                    .filter_map(|&token| u8::try_from(token).ok())
                    .collect();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Scheme::HuggingFace { model, .. } => {
                let ids: Vec<u32> = tokens.iter().map(|&token| u32::from(token)).collect();
                // Decoding fails only in decoders that strip fixed counts from malformed words; such text is lost.
                flat(caught(|| model.decode(&ids, false))).unwrap_or_default()
            }
        }
    }
}

/// A panic of the library as an error of it.
fn flat<T>(result: Result<tokenizers::Result<T>, String>) -> tokenizers::Result<T> {
    result.unwrap_or_else(|panic| Err(panic.into()))
}

fn checked_vocabulary(model: &HuggingFace, path: &Path) -> Result<u32, TokenizerError> {
    let largest = model.get_vocab(true).into_values().max();
    let Some(largest) = largest else {
        return Err(TokenizerError::VocabularyEmpty {
            path: path.to_owned(),
        });
    };
    let vocab_size = largest as usize + 1;
    if vocab_size > MAX_VOCABULARY {
        return Err(TokenizerError::VocabularyTooLarge {
            path: path.to_owned(),
            vocab_size,
        });
    }
    Ok(largest + 1)
}

fn encode_piece(model: &HuggingFace, piece: &str, out: &mut Vec<u16>) -> Result<(), TokenizerError> {
    let failed = |cause| TokenizerError::Encode {
        bytes: piece.len(),
        cause,
    };
    let encoding = flat(caught(|| model.encode_fast(piece, false))).map_err(failed)?;
    // The vocabulary was checked to end below 65,536.
    out.extend(encoding.get_ids().iter().map(|&id| id as u16));
    Ok(())
}

/// Cuts `text` into pieces of at most about `limit` bytes.
fn pieces(text: &str, limit: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(cut(rest, limit));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Where the first piece of `text` ends.
fn cut(text: &str, limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    let end = text.ceil_char_boundary(limit);
    let window = &text[..end];
    let mut after_space = false;
    for (at, character) in window.char_indices().rev() {
        if after_space && character.is_alphabetic() {
            return at + character.len_utf8();
        }
        after_space = character == ' ';
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assets, word_level};

    #[test]
    fn bytes_round_trip() {
        let tokenizer = Tokenizer::bytes();
        let text = "Zoë said: \u{1F600}\n\0end";
        let mut tokens = Vec::new();
        tokenizer.encode(text, &mut tokens).unwrap();
        assert_eq!(tokens.len(), text.len());
        tokens.push(256);
        assert_eq!(tokenizer.decode(&tokens), text);
        assert_eq!(
            (tokenizer.vocab_size(), tokenizer.end_of_document()),
            (257, Some(256))
        );
        assert_eq!(tokenizer.decode(&[0xff, 65]), "\u{fffd}A");
    }

    #[test]
    fn a_damaged_file_is_an_error_where_the_library_panics() {
        let json = word_level(3).replace("\"decoder\":null", "\"decoder\":{\"type\"}");
        let error = Tokenizer::from_json(json.into_bytes(), Path::new("a.json")).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("a.json") && words.contains("gave up"), "{words}");
    }

    #[test]
    fn agrees_with_the_published_tokenizer() {
        let Some(path) = assets("tokenizer/tokenizer.json") else {
            return;
        };
        let tokenizer = Tokenizer::from_file(&path).unwrap();
        let mut tokens = Vec::new();
        tokenizer.encode("How's it going?", &mut tokens).unwrap();
        assert_eq!(tokens, [2020, 506, 357, 2045, 47]);
        assert_eq!(tokenizer.decode(&tokens), "How's it going?");
        assert_eq!(
            (tokenizer.vocab_size(), tokenizer.end_of_document()),
            (49_152, Some(0))
        );
        assert!(tokenizer.sha256().starts_with("9ca9acddb6525a19"));
        tokens.clear();
        tokenizer.encode("a<|endoftext|>", &mut tokens).unwrap();
        assert_eq!(tokens.last(), Some(&0));
        assert_eq!(tokens.len(), 2);
    }

    #[test]
    fn pieces_do_not_change_the_tokens() {
        let Some(path) = assets("tokenizer/tokenizer.json") else {
            return;
        };
        let Some(novel) = assets("corpus/tinyshakespeare.txt") else {
            return;
        };
        let text = fs::read_to_string(novel).unwrap();
        let tokenizer = Tokenizer::from_file(&path).unwrap();
        let Scheme::HuggingFace { model, .. } = &tokenizer.scheme else {
            panic!("not a vocabulary")
        };
        let (mut whole, mut cut) = (Vec::new(), Vec::new());
        encode_piece(model, &text, &mut whole).unwrap();
        for piece in pieces(&text, 1000) {
            encode_piece(model, piece, &mut cut).unwrap();
        }
        assert_eq!(whole, cut);
    }

    #[test]
    fn pieces_cover_the_text() {
        let text = "one two  three. ünïcödé\u{1F600}\u{1F600}\u{1F600}\u{1F600}\u{1F600}";
        for limit in 1..text.len() + 2 {
            assert_eq!(pieces(text, limit).collect::<String>(), text);
        }
        assert_eq!(
            pieces("one two, three", 9).collect::<Vec<_>>(),
            ["one", " two, thr", "ee"]
        );
        assert_eq!(pieces("", 9).count(), 0);
    }

    #[test]
    fn a_vocabulary_beyond_16_bits_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        fs::write(&path, word_level(65_536)).unwrap();
        assert_eq!(Tokenizer::from_file(&path).unwrap().vocab_size(), 65_536);
        fs::write(&path, word_level(65_537)).unwrap();
        let message = Tokenizer::from_file(&path).unwrap_err().to_string();
        assert!(
            message.contains("65537") && message.contains("tokenizer.json"),
            "{message}"
        );
    }

    #[test]
    fn truncation_in_the_file_is_switched_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        let truncation =
            r#""truncation":{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":0}"#;
        fs::write(&path, word_level(10).replace(r#""truncation":null"#, truncation)).unwrap();
        let mut tokens = Vec::new();
        Tokenizer::from_file(&path)
            .unwrap()
            .encode("w1 w2 w3 w4", &mut tokens)
            .unwrap();
        assert_eq!(tokens, [1, 2, 3, 4]);
    }

    #[test]
    fn a_file_that_is_no_tokenizer_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.json");
        fs::write(&path, "{}").unwrap();
        assert!(
            Tokenizer::from_file(&path)
                .unwrap_err()
                .to_string()
                .contains("other.json")
        );
        fs::remove_file(&path).unwrap();
        assert!(
            Tokenizer::from_file(&path)
                .unwrap_err()
                .to_string()
                .contains("could not read")
        );
    }
}
