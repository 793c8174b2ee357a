//! Parquet: a document a row, as text in a string column or as ready tokens in a list of integers.

use std::fs::File;

use parquet::basic::Type as Physical;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::document::{Content, MAX_DOCUMENT_BYTES, Place, Sink};
use super::error::{PrepareError, Problem};
use super::sources::Source;
use crate::error::AtPath;
use crate::library::caught;
use crate::manifest::Unit;

/// Looked for where no field is named, best first.
const USUAL_FIELDS: [&str; 2] = ["text", "input_ids"];
/// Rows that are decoded at a time at most.
const ROWS: usize = 64;
/// Bytes of decoded rows that are held at a time, but for one row that is larger.
const DECODED_BYTES: usize = 8 << 20;

/// What the rows of the file are.
pub(super) fn unit(source: &Source, field: Option<&str>) -> Result<Unit, PrepareError> {
    Ok(Table::open(source, field)?.unit)
}

/// `vocab_size` bounds ready tokens.
pub(super) fn read(
    source: &Source,
    field: Option<&str>,
    vocab_size: u32,
    sink: &mut dyn Sink,
) -> Result<(), PrepareError> {
    let table = Table::open(source, field)?;
    let mut rows = Rows {
        source,
        vocab_size,
        sink,
        next: 0,
        total: table.rows()?,
    };
    let levels = table.levels();
    for group in 0..table.file.num_row_groups() {
        let column = library(|| {
            let group = table.file.get_row_group(group)?;
            group.get_column_reader(table.column)
        });
        match column.map_err(|cause| parquet_error(source, cause))? {
            ColumnReader::ByteArrayColumnReader(column) => rows.texts(column)?,
            ColumnReader::Int32ColumnReader(column) => rows.lists(column, levels, i64::from)?,
            ColumnReader::Int64ColumnReader(column) => rows.lists(column, levels, |id| id)?,
            // `Table::open` picks no other.
            _ => {
                return Err(no_column(
                    source,
                    field,
                    table.file.metadata().file_metadata().schema_descr(),
                ));
            }
        }
    }
    // All of a file without rows.
    rows.sink
        .advance(source.info.bytes.saturating_sub(rows.bytes_until(rows.next)));
    Ok(())
}

/// A call of the Parquet library; its panic is an error of it.
fn library<T>(call: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    caught(call).unwrap_or_else(|panic| Err(ParquetError::General(panic)))
}

fn parquet_error(source: &Source, cause: ParquetError) -> PrepareError {
    PrepareError::Parquet {
        path: source.path.clone(),
        cause,
    }
}

struct Table<'a> {
    source: &'a Source,
    file: SerializedFileReader<File>,
    column: usize,
    unit: Unit,
}

impl<'a> Table<'a> {
    fn open(source: &'a Source, field: Option<&str>) -> Result<Self, PrepareError> {
        let file = File::open(&source.path).at("open", &source.path)?;
        let file =
            library(|| SerializedFileReader::new(file)).map_err(|cause| parquet_error(source, cause))?;
        let schema = file.metadata().file_metadata().schema_descr();
        let found = match field {
            Some(field) => find(schema, field),
            None => USUAL_FIELDS.iter().find_map(|field| find(schema, field)),
        };
        let Some((column, unit)) = found else {
            return Err(no_column(source, field, schema));
        };
        Ok(Self {
            source,
            file,
            column,
            unit,
        })
    }

    fn rows(&self) -> Result<u64, PrepareError> {
        let rows = self.file.metadata().file_metadata().num_rows();
        u64::try_from(rows).map_err(|_| {
            parquet_error(
                self.source,
                ParquetError::General(format!("the file says that it has {rows} rows")),
            )
        })
    }

    fn levels(&self) -> Levels {
        let column = self
            .file
            .metadata()
            .file_metadata()
            .schema_descr()
            .column(self.column);
        Levels {
            element: column.repeated_ancestor_def_level(),
            value: column.max_def_level(),
        }
    }
}

/// Definition levels of a list: from `element` on there is an element, at `value` it has a value.
#[derive(Clone, Copy)]
struct Levels {
    element: i16,
    value: i16,
}

/// Index of the leaf column, and what its rows are.
fn find(schema: &SchemaDescriptor, field: &str) -> Option<(usize, Unit)> {
    let named = |&index: &usize| schema.get_column_root(index).name() == field;
    let usable = |index: usize| Some((index, unit_of(&schema.column(index))?));
    (0..schema.num_columns()).filter(named).find_map(usable)
}

fn unit_of(column: &ColumnDescriptor) -> Option<Unit> {
    match (column.physical_type(), column.max_rep_level()) {
        (Physical::BYTE_ARRAY, 0) if column.path().parts().len() == 1 => Some(Unit::Document),
        (Physical::INT32 | Physical::INT64, 1) => Some(Unit::Row),
        _ => None,
    }
}

fn no_column(source: &Source, field: Option<&str>, schema: &SchemaDescriptor) -> PrepareError {
    let wanted = field.map_or_else(|| USUAL_FIELDS.join(" or "), str::to_owned);
    let columns: Vec<String> = schema
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect();
    PrepareError::NoColumn {
        path: source.path.clone(),
        wanted,
        columns: columns.join(", "),
    }
}

/// How many rows to decode at a time: a file's first row is decoded alone, since nobody knows how large it is.
struct Portion {
    rows: usize,
}

impl Portion {
    fn new() -> Self {
        Self { rows: 1 }
    }

    /// After `rows` rows took so many bytes: as many as should fit, but twice as many at most.
    fn decoded(&mut self, rows: usize, bytes: usize) {
        let fit = DECODED_BYTES / (bytes / rows.max(1)).max(1);
        self.rows = fit.clamp(1, (2 * self.rows).min(ROWS));
    }
}

/// Hands rows on.
struct Rows<'a> {
    source: &'a Source,
    vocab_size: u32,
    sink: &'a mut dyn Sink,
    /// Index of the next row.
    next: u64,
    total: u64,
}

impl Rows<'_> {
    fn texts(&mut self, mut column: ColumnReaderImpl<ByteArrayType>) -> Result<(), PrepareError> {
        let (mut values, mut levels): (Vec<ByteArray>, Vec<i16>) = (Vec::new(), Vec::new());
        let mut portion = Portion::new();
        loop {
            values.clear();
            levels.clear();
            let read = library(|| column.read_records(portion.rows, Some(&mut levels), None, &mut values));
            let (rows, ..) = read.map_err(|cause| parquet_error(self.source, cause))?;
            if rows == 0 {
                return Ok(());
            }
            portion.decoded(rows, values.iter().map(ByteArray::len).sum());
            // A column that cannot be null has no levels; one that can has level 1 where there is a value.
            let mut texts = values.iter();
            let is_null = |row: usize| levels.get(row) == Some(&0);
            for row in 0..rows {
                let text = if is_null(row) {
                    &[][..]
                } else {
                    texts.next().map_or(&[][..], ByteArray::data)
                };
                self.text(text)?;
            }
        }
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), PrepareError> {
        self.check_size(bytes.len())?;
        let text = str::from_utf8(bytes).map_err(|_| self.problem(Problem::NotUtf8))?;
        self.hand_on(Content::Text(text.to_owned()))
    }

    fn lists<T: DataType>(
        &mut self,
        mut column: ColumnReaderImpl<T>,
        levels: Levels,
        id: impl Fn(T::T) -> i64,
    ) -> Result<(), PrepareError>
    where
        T::T: Copy,
    {
        let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
        let mut portion = Portion::new();
        loop {
            values.clear();
            defined.clear();
            repeated.clear();
            let read = library(|| {
                column.read_records(portion.rows, Some(&mut defined), Some(&mut repeated), &mut values)
            });
            let (rows, ..) = read.map_err(|cause| parquet_error(self.source, cause))?;
            if rows == 0 {
                return Ok(());
            }
            portion.decoded(rows, values.len() * size_of::<T::T>() + defined.len() * 4);
            self.rows(
                levels,
                &defined,
                &repeated,
                &mut values.iter().map(|&value| id(value)),
            )?;
        }
    }

    /// The rows of a list column in Dremel's encoding: a repetition level of 0 starts a row, and a definition level
    /// says whether there is an element and whether it has a value.
    fn rows(
        &mut self,
        levels: Levels,
        defined: &[i16],
        repeated: &[i16],
        ids: &mut dyn Iterator<Item = i64>,
    ) -> Result<(), PrepareError> {
        let mut row = Vec::new();
        for (at, (&defined, &repeated)) in defined.iter().zip(repeated).enumerate() {
            if repeated == 0 && at > 0 {
                self.hand_on(Content::Row(std::mem::take(&mut row)))?;
            }
            if defined == levels.value {
                row.extend(ids.next().map(|id| self.token(id)).transpose()?);
                self.check_size(2 * row.len())?;
            } else if defined >= levels.element {
                return Err(self.problem(Problem::NullToken));
            }
        }
        self.hand_on(Content::Row(row))
    }

    fn token(&self, id: i64) -> Result<u16, PrepareError> {
        let vocab_size = self.vocab_size;
        let token = u16::try_from(id)
            .ok()
            .filter(|&token| u32::from(token) < vocab_size);
        token.ok_or_else(|| {
            self.problem(Problem::OutOfVocabulary {
                token: id,
                vocab_size,
            })
        })
    }

    fn check_size(&self, bytes: usize) -> Result<(), PrepareError> {
        if bytes as u64 > MAX_DOCUMENT_BYTES {
            return Err(self.problem(Problem::TooLarge {
                limit: MAX_DOCUMENT_BYTES,
            }));
        }
        Ok(())
    }

    fn problem(&self, problem: Problem) -> PrepareError {
        self.source.problem(Place::Row(self.next), problem)
    }

    fn hand_on(&mut self, content: Content) -> Result<(), PrepareError> {
        self.sink
            .advance(self.bytes_until(self.next + 1) - self.bytes_until(self.next));
        self.sink.document(Place::Row(self.next), content)?;
        self.next += 1;
        Ok(())
    }

    /// The share of the file that `rows` rows take, for the progress.
    fn bytes_until(&self, rows: u64) -> u64 {
        let bytes = u128::from(self.source.info.bytes) * u128::from(rows.min(self.total));
        (bytes / u128::from(self.total.max(1))) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::testing::{Kept, source};
    use super::super::parquet_files::{self, Column};
    use super::*;

    fn read_columns(
        columns: &[(&str, Column)],
        field: Option<&str>,
    ) -> Result<(Unit, Vec<(Place, Content)>), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        parquet_files::write(&path, columns);
        let (source, mut kept) = (source(&path), Kept::default());
        let unit = unit(&source, field).map_err(|error| error.to_string())?;
        read(&source, field, 300, &mut kept).map_err(|error| error.to_string())?;
        assert_eq!(kept.bytes, source.info.bytes);
        Ok((unit, kept.documents))
    }

    fn text(row: u64, text: &str) -> (Place, Content) {
        (Place::Row(row), Content::Text(text.to_owned()))
    }

    #[test]
    fn large_rows_are_decoded_one_by_one_and_small_ones_together() {
        let mut portion = Portion::new();
        let mut sizes = Vec::new();
        for bytes in [100, 100, 100, 100, 100, 100, 100, 64 << 20, 100, 3 << 20] {
            sizes.push(portion.rows);
            portion.decoded(portion.rows, portion.rows * bytes);
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 64, 64, 1, 2]);
        assert_eq!(portion.rows, 2);
        portion.decoded(0, 0);
        assert_eq!(portion.rows, 4);
    }

    #[test]
    fn a_string_column_holds_documents() {
        let texts: Vec<Option<String>> = (0..200)
            .map(|i| (i % 50 != 7).then(|| format!("text {i}")))
            .collect();
        let columns = [
            ("id", Column::Texts(texts.clone())),
            ("text", Column::Texts(texts.clone())),
        ];
        let (unit, documents) = read_columns(&columns, None).unwrap();
        let expected = texts
            .iter()
            .zip(0..)
            .map(|(content, row)| text(row, content.as_deref().unwrap_or_default()));
        assert_eq!(documents, expected.collect::<Vec<_>>());
        assert_eq!(unit, Unit::Document);
        assert_eq!(read_columns(&columns, Some("id")).unwrap().1.len(), 200);
        let required = [("text", Column::RequiredTexts(vec!["a".to_owned(), String::new()]))];
        assert_eq!(
            read_columns(&required, None).unwrap().1,
            [text(0, "a"), text(1, "")]
        );
    }

    #[test]
    fn a_damaged_file_is_an_error_where_the_library_panics() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        let texts = (0..3).map(|at| Some(format!("text {at}"))).collect();
        parquet_files::write(&path, &[("text", Column::Texts(texts))]);
        let good = std::fs::read(&path).unwrap();
        let mut panics = 0;
        for at in 0..good.len() {
            for change in [1, 0x40, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= change;
                std::fs::write(&path, bytes).unwrap();
                let read = read(&source(&path), Some("text"), 300, &mut Kept::default());
                panics += usize::from(read.is_err_and(|error| error.to_string().contains("gave up")));
            }
        }
        assert!(
            panics > 0,
            "there are none any more: are the calls of the library still to be guarded?"
        );
    }

    #[test]
    fn a_list_column_holds_rows() {
        let rows: Vec<Option<Vec<Option<i64>>>> = (0..150)
            .map(|i| (i != 3).then(|| (0..i % 5).map(|k| Some(i + k)).collect()))
            .collect();
        let expected = rows.iter().zip(0..).map(|(row, index)| {
            let tokens = row.iter().flatten().flatten().map(|&id| id as u16);
            (Place::Row(index), Content::Row(tokens.collect()))
        });
        let expected: Vec<_> = expected.collect();
        for column in [Column::Longs(rows.clone()), Column::Ints(rows)] {
            let (unit, documents) = read_columns(&[("input_ids", column)], None).unwrap();
            assert_eq!(documents, expected);
            assert_eq!(unit, Unit::Row);
        }
    }

    #[test]
    fn bad_rows_are_named() {
        let refused = |row: Vec<Option<i64>>| {
            let rows = vec![Some(vec![Some(1)]), Some(row)];
            read_columns(&[("input_ids", Column::Longs(rows))], None).unwrap_err()
        };
        assert!(
            refused(vec![Some(299), Some(300)]).contains("row 1: token 300 is not in the vocabulary of 300")
        );
        assert!(refused(vec![Some(-1)]).contains("row 1: token -1"));
        assert!(refused(vec![Some(65_536 + 1)]).contains("token 65537"));
        assert!(refused(vec![Some(1), None]).contains("row 1: a null"));
        let bytes = [("text", Column::Bytes(vec![b"a".to_vec(), b"\xff".to_vec()]))];
        assert!(
            read_columns(&bytes, None)
                .unwrap_err()
                .contains("row 1: the text is not UTF-8")
        );
    }

    #[test]
    fn a_file_without_the_column_lists_what_it_has() {
        let columns = [("title", Column::RequiredTexts(vec!["a".to_owned()]))];
        let message = read_columns(&columns, None).unwrap_err();
        assert!(
            message.contains("text or input_ids") && message.contains("title"),
            "{message}"
        );
        let columns = [("score", Column::Longs(vec![])), ("text", Column::Texts(vec![]))];
        assert!(
            read_columns(&columns, Some("body"))
                .unwrap_err()
                .contains("body was looked for")
        );
        assert_eq!(read_columns(&columns, None).unwrap().1, []);
    }

    #[test]
    fn a_file_that_is_no_parquet_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        for bytes in [
            &b""[..],
            b"PAR1",
            b"not a parquet file at all",
            b"PAR1\xff\xff\xff\x7fPAR1",
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = unit(&source(&path), None).unwrap_err().to_string();
            assert!(message.contains("a.parquet as parquet"), "{message}");
        }
    }
}
