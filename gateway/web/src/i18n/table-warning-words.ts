// The words for what the reading of a table warns of. Loaded apart, as only who reads a file meets them; with nothing but
// types imported, since what both loads need would be split off from the first.
import type { TableWarningKind } from "../gen/fenxi/analysis/v1/table_warning_pb";
import type { Language } from "./i18n";

/** A kind that has words; one that is added to the contract without them does not compile. */
type Worded = Exclude<keyof typeof TableWarningKind, "UNSPECIFIED" | "OTHER">;

export interface Words {
  /** `{columns}` are listed by the parts below; `{n}` is the count, of columns where the kind speaks of them. */
  kinds: Record<Worded, string>;
  column: string;
  renamed: string;
  unlike: string;
  word: string;
  between: string;
  more: string;
  /** What `{left_out}` is replaced with, where anything is named. */
  leftOut: string;
}

const en: Words = {
  column: "“{name}”", renamed: "“{original}” (now “{name}”)", unlike: "“{name}” (line {line}: “{value}”)", word: "“{name}” ({n}, first “{value}”)", between: ", ", more: " and {n} more", leftOut: ": {listed}",
  kinds: {
    ENCODING_GUESSED: "The text was read as {encoding}. If characters look wrong, choose another encoding.",
    ENCODING_DOUBTFUL: "The text was read as {encoding}, but may be {other} just as well. If characters look wrong, choose that encoding.",
    TITLE_ROWS: "{n} title row above the table was left out{left_out}|{n} title rows above the table were left out{left_out}",
    EMPTY_FIELDS: "{n} row has empty fields past the last column; they were left out.|{n} rows have empty fields past the last column; they were left out.",
    TEXT_AFTER_QUOTE: "{n} field has text after its closing quote (line {line}). Write a quote inside of a value twice: {quote}{quote}.|{n} fields have text after their closing quote (first: line {line}). Write a quote inside of a value twice: {quote}{quote}.",
    BACKSLASH_BEFORE_QUOTE: "{n} field has text after its closing quote (line {line}). Quotes inside of values seem to be written \\{quote}; write them twice: {quote}{quote}.|{n} fields have text after their closing quote (first: line {line}). Quotes inside of values seem to be written \\{quote}; write them twice: {quote}{quote}.",
    NO_NAME: "{n} column had no name and got one: {columns}|{n} columns had no name and got one: {columns}",
    SAME_NAME: "{n} column had the name of another and got a new one: {columns}|{n} columns had the name of another and got a new one: {columns}",
    DAY_FIRST: "Dates were read day first, as only that fits every row: {columns}",
    MONTH_FIRST: "Dates were read month first, as only that fits every row: {columns}",
    DOTTED_DATES: "Numbers with points, such as 2024.1.10, were read as dates: {columns}",
    MOVED_TO_UTC: "Times with different offsets from UTC are shown in UTC: {columns}",
    UNKNOWN_ZONE: "The time zone has a name that is not known; times are shown in UTC: {columns}",
    ROUNDED: "Numbers with more digits than can be held were rounded: {columns}",
    ZEROS_NOT_KEPT: "Read as numbers, in which 1.1 and 1.10 are the same: {columns}",
    FAR_MOMENTS: "Some times are too far away for nanoseconds; the columns of the type INT96 are exact to the microsecond.",
    AMBIGUOUS_DATES: "Kept as text, as day and month could be either way round: {columns}",
    MIXED_DATE_ORDERS: "Kept as text, as dates are written in different orders: {columns}",
    SOME_ZONED: "Kept as text, as only some times name a time zone: {columns}",
    HUGE_INTEGERS: "Kept as text, as whole numbers are beyond 9223372036854775807, the largest that a number column holds: {columns}",
    LOSES_DIGITS: "Kept as text, as numbers would lose digits: {columns}",
    CODES: "Kept as text, as codes such as 12e5 would become numbers: {columns}",
    PADDED: "Kept as text, as numbers have leading zeros: {columns}",
    DRESSED: "Kept as text, as numbers have separators, percent signs or currencies: {columns}",
    FEW_UNLIKE: "Kept as text, as a few values are unlike the others: {columns}",
    MIXED_KINDS: "Kept as text, as values are of different kinds: {columns}",
    MANY_SHAPES: "Kept as text, as lists or records have no one shape or a very large one: {columns}",
    DOUBLED_KEYS: "Kept as text, as a record has a key twice: {columns}",
    CELL_ERRORS: "{n} cell holds an error such as #DIV/0! and counts as missing ({cell}).|{n} cells hold an error such as #DIV/0! and count as missing (first: {cell}).",
    UNSTORED_FORMULAS: "{n} formula has no stored value and counts as missing ({cell}). Open the workbook in a spreadsheet, save it and upload it again.|{n} formulas have no stored value and count as missing (first: {cell}). Open the workbook in a spreadsheet, save it and upload it again.",
    LONG_NUMBERS: "{n} whole number has more than 15 digits ({cell}); workbooks do not keep the last ones. Write such numbers as text.|{n} whole numbers have more than 15 digits (first: {cell}); workbooks do not keep the last ones. Write such numbers as text.",
    MERGED_CELLS: "{n} area of merged cells ({cell}): all but its first cell count as missing.|{n} areas of merged cells (first: {cell}): all but the first cell of each count as missing.",
    TOO_WIDE: "The table is too wide for histograms and most frequent values.",
    BLANKS_BEFORE_QUOTES: "Blanks between a delimiter and a quote were left out, so that the quotes stand around values.",
    WRAPPED_RECORDS: "The table is the list “{member}” of a record; {n} member beside it was left out{left_out}|The table is the list “{member}” of a record; {n} members beside it were left out{left_out}",
    ORDER_LOST: "The values of categories were kept, but not their order: {columns}",
    PERIODS: "Periods were read as their first day or moment: {columns}",
    PERIOD_NUMBERS: "Periods of a frequency that is not known here were read as the numbers that the file has for them. Write them as dates or text: {columns}",
    INTERVALS: "Intervals were read as records of their two ends; which of these belong to them is lost: {columns}",
    PLUS_SIGNS: "Kept as text, as whole numbers with plus signs may be codes. For numbers, remove the signs or convert in code: {columns}",
    SHORT_YEARS: "Kept as text, as years of two digits do not tell the century. Write four digits or convert in code: {columns}",
    MISSING_WORDS: "Words that may mean nothing were read as missing values; how many cells of each column: {columns}",
    ODD_YEARS: "Kept as text, as what would be days before 1500 or after 2300 may be codes. For dates, convert in code: {columns}",
  },
};

const zh: Words = {
  column: "「{name}」", renamed: "「{original}」（现为「{name}」）", unlike: "「{name}」（第 {line} 行：「{value}」）", word: "「{name}」（{n} 个，首个为「{value}」）", between: "、", more: "，另有 {n} 列", leftOut: "：{listed}",
  kinds: {
    ENCODING_GUESSED: "文本按 {encoding} 读取。如有乱码，请选择其他编码。",
    ENCODING_DOUBTFUL: "文本按 {encoding} 读取，但也可能是 {other}。如有乱码，请选择该编码。",
    TITLE_ROWS: "表格上方的 {n} 行标题未计入{left_out}",
    EMPTY_FIELDS: "{n} 行在最后一列之后还有空字段，这些字段未计入。",
    TEXT_AFTER_QUOTE: "{n} 个字段在结束引号之后还有内容（首处：第 {line} 行）。值中的引号请写两次：{quote}{quote}。",
    BACKSLASH_BEFORE_QUOTE: "{n} 个字段在结束引号之后还有内容（首处：第 {line} 行）。值中的引号似乎写成了 \\{quote}，请写两次：{quote}{quote}。",
    NO_NAME: "{n} 列没有名称，已自动命名：{columns}",
    SAME_NAME: "{n} 列与其他列重名，已改名：{columns}",
    DAY_FIRST: "日期按“日在前”读取，因为只有这样每一行才有效：{columns}",
    MONTH_FIRST: "日期按“月在前”读取，因为只有这样每一行才有效：{columns}",
    DOTTED_DATES: "2024.1.10 这样带点的数字已读作日期：{columns}",
    MOVED_TO_UTC: "各时间与 UTC 的时差不同，统一以 UTC 显示：{columns}",
    UNKNOWN_ZONE: "无法识别时区名称，时间以 UTC 显示：{columns}",
    ROUNDED: "部分数字的位数过多，已四舍五入：{columns}",
    ZEROS_NOT_KEPT: "已读作数字，其中 1.1 与 1.10 相同：{columns}",
    FAR_MOMENTS: "部分时间过于久远，无法精确到纳秒；INT96 类型的列精确到微秒。",
    AMBIGUOUS_DATES: "保留为文本，因为无法区分日和月：{columns}",
    MIXED_DATE_ORDERS: "保留为文本，因为日期的书写顺序不一：{columns}",
    SOME_ZONED: "保留为文本，因为只有部分时间带时区：{columns}",
    HUGE_INTEGERS: "保留为文本，因为有整数超出数字列的最大值 9223372036854775807：{columns}",
    LOSES_DIGITS: "保留为文本，因为读作数字会丢失位数：{columns}",
    CODES: "保留为文本，因为 12e5 这样的代码会变成数字：{columns}",
    PADDED: "保留为文本，因为有以 0 开头的数字：{columns}",
    DRESSED: "保留为文本，因为数字带有分隔符、百分号或货币符号：{columns}",
    FEW_UNLIKE: "保留为文本，因为有少数值与其他值不同：{columns}",
    MIXED_KINDS: "保留为文本，因为值的类型不一：{columns}",
    MANY_SHAPES: "保留为文本，因为列表或记录的结构不一或过大：{columns}",
    DOUBLED_KEYS: "保留为文本，因为有记录的键重复：{columns}",
    CELL_ERRORS: "{n} 个单元格是 #DIV/0! 之类的错误，视为缺失（首处：{cell}）。",
    UNSTORED_FORMULAS: "{n} 个公式没有保存结果，视为缺失（首处：{cell}）。请用电子表格软件打开并保存后重新上传。",
    LONG_NUMBERS: "{n} 个整数超过 15 位（首处：{cell}），工作簿不保留末尾几位。这类数字请存为文本。",
    MERGED_CELLS: "有 {n} 处合并单元格（首处：{cell}），除各处首个单元格外均视为缺失。",
    TOO_WIDE: "表格的列过多，不提供直方图和最常见的值。",
    BLANKS_BEFORE_QUOTES: "分隔符与引号之间的空格已忽略，引号内为值。",
    WRAPPED_RECORDS: "表格取自记录中的列表「{member}」，其余 {n} 个成员未计入{left_out}",
    ORDER_LOST: "类别的值已保留，但类别的顺序没有保留：{columns}",
    PERIODS: "时期已读作其第一天或起始时刻：{columns}",
    PERIOD_NUMBERS: "无法识别时期的频率，已读作文件中的编号。请改存为日期或文本：{columns}",
    INTERVALS: "区间已读作由两个端点组成的记录，端点是否包含在内没有保留：{columns}",
    PLUS_SIGNS: "保留为文本，因为带加号的整数可能是代码。如为数字，请去掉加号，或在代码中转换：{columns}",
    SHORT_YEARS: "保留为文本，因为两位数的年份无法确定世纪。请改为四位数年份，或在代码中转换：{columns}",
    MISSING_WORDS: "“-”“none”之类的词已视为缺失值，各列的单元格数：{columns}",
    ODD_YEARS: "保留为文本，因为早于 1500 年或晚于 2300 年的“日期”可能是代码。如为日期，请在代码中转换：{columns}",
  },
};

export const WORDS: Record<Language, Words> = { en, "zh-CN": zh };
