//! Writes small parquet files for tests.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

type Lists = Vec<Option<Vec<Option<i64>>>>;

/// The content of a column.
pub(super) enum Column {
    Texts(Vec<Option<String>>),
    RequiredTexts(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Ints(Lists),
    Longs(Lists),
}

impl Column {
    fn schema(&self, name: &str) -> String {
        let list = |of: &str| {
            format!("OPTIONAL GROUP {name} (LIST) {{ REPEATED GROUP list {{ OPTIONAL {of} element; }} }}")
        };
        match self {
            Self::Texts(_) => format!("OPTIONAL BYTE_ARRAY {name} (UTF8);"),
            Self::RequiredTexts(_) => format!("REQUIRED BYTE_ARRAY {name} (UTF8);"),
            Self::Bytes(_) => format!("REQUIRED BYTE_ARRAY {name};"),
            Self::Ints(_) => list("INT32"),
            Self::Longs(_) => list("INT64"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Texts(rows) => rows.len(),
            Self::RequiredTexts(rows) => rows.len(),
            Self::Bytes(rows) => rows.len(),
            Self::Ints(rows) | Self::Longs(rows) => rows.len(),
        }
    }

    fn write(&self, rows: std::ops::Range<usize>, group: &mut SerializedRowGroupWriter<'_, File>) {
        let mut column = group.next_column().unwrap().unwrap();
        match self {
            Self::Texts(all) => {
                let values: Vec<ByteArray> = all[rows.clone()]
                    .iter()
                    .flatten()
                    .map(|text| text.as_str().into())
                    .collect();
                let levels: Vec<i16> = all[rows].iter().map(|text| i16::from(text.is_some())).collect();
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&values, Some(&levels), None)
                    .unwrap();
            }
            Self::RequiredTexts(all) => {
                let values: Vec<ByteArray> = all[rows].iter().map(|text| text.as_str().into()).collect();
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&values, None, None)
                    .unwrap();
            }
            Self::Bytes(all) => {
                let values: Vec<ByteArray> = all[rows].iter().map(|bytes| bytes.clone().into()).collect();
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&values, None, None)
                    .unwrap();
            }
            Self::Ints(all) => {
                let (values, defined, repeated) = levels(&all[rows]);
                let values: Vec<i32> = values.into_iter().map(|value| value as i32).collect();
                column
                    .typed::<Int32Type>()
                    .write_batch(&values, Some(&defined), Some(&repeated))
                    .unwrap();
            }
            Self::Longs(all) => {
                let (values, defined, repeated) = levels(&all[rows]);
                column
                    .typed::<Int64Type>()
                    .write_batch(&values, Some(&defined), Some(&repeated))
                    .unwrap();
            }
        }
        column.close().unwrap();
    }
}

/// Values, definition levels (0 null list, 1 empty list, 2 null element, 3 value) and repetition levels.
fn levels(rows: &[Option<Vec<Option<i64>>>]) -> (Vec<i64>, Vec<i16>, Vec<i16>) {
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let elements = row.as_deref().unwrap_or_default();
        if elements.is_empty() {
            defined.push(i16::from(row.is_some()));
            repeated.push(0);
        }
        for (at, element) in elements.iter().enumerate() {
            defined.push(2 + i16::from(element.is_some()));
            repeated.push(i16::from(at > 0));
            values.extend(element);
        }
    }
    (values, defined, repeated)
}

/// Writes the columns, 70 rows a row group, with zstd.
pub(super) fn write(path: &Path, columns: &[(&str, Column)]) {
    let fields: String = columns.iter().map(|(name, column)| column.schema(name)).collect();
    let schema = Arc::new(parse_message_type(&format!("message schema {{ {fields} }}")).unwrap());
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut file = SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    let rows = columns[0].1.len();
    for start in (0..rows).step_by(70) {
        let mut group = file.next_row_group().unwrap();
        for (_, column) in columns {
            column.write(start..rows.min(start + 70), &mut group);
        }
        group.close().unwrap();
    }
    file.close().unwrap();
}
