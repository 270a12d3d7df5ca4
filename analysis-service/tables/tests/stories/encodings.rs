//! Encodings that nobody named, told apart by what the text would be in each.

use encoding_rs::{BIG5, EUC_KR, Encoding, GBK, SHIFT_JIS, WINDOWS_1252};

use crate::support::{convert, preview, said, values};

fn found(encoding: &'static Encoding, text: &str) -> String {
    let (bytes, _, lossy) = encoding.encode(text);
    assert!(!lossy, "{text}");
    let made = convert("t.csv", &bytes);
    let label = made.table.options.encoding.clone().unwrap();
    if label == "utf-8" {
        return label;
    }
    assert_eq!(
        said(&made.table.warnings)[0],
        format!("the text was read as {label}; if characters look wrong, choose another encoding")
    );
    assert_eq!(preview("t.csv", &bytes, 9).options.encoding.as_ref(), Some(&label), "{text}");
    label
}

#[test]
fn big5_is_told_from_gb18030() {
    for text in [
        "姓名,城市,年齡\n張三,臺北,30\n李四,高雄,28\n",
        "日期,金額\n2024-01-02,5\n",
        "city\n臺北\n",
        "sex,n\n女,1\n男,2\n",
        "產品名稱,數量,單價,備註\n筆記型電腦,5,30000,含稅\n滑鼠,12,350,不含稅\n鍵盤,3,890,限量供應\n",
    ] {
        assert_eq!(found(BIG5, text), "big5", "{text}");
    }
    let made = convert("t.csv", BIG5.encode("姓名,城市\n張三,臺北\n").0);
    assert_eq!((made.table.columns[0].name.as_str(), values(&made.file, 1)), ("姓名", vec!["臺北".to_owned()]));
    assert_eq!(found(SHIFT_JIS, "名前,都市\n山田,東京\n佐藤,大阪\n"), "shift_jis");
}

#[test]
fn korean_is_told_from_gb18030_where_it_has_enough_syllables() {
    for text in [
        "이름,도시,나이\n김철수,서울,30\n이영희,부산,28\n박민수,대구,41\n",
        "날짜,매출액,비고\n2024-01-02,500,정상 처리되었습니다\n2024-01-03,700,확인이 필요합니다\n",
        "상품명,수량,가격\n노트북,5,1200000\n마우스,12,35000\n키보드,3,89000\n",
    ] {
        assert_eq!(found(EUC_KR, text), "euc-kr", "{text}");
    }
    let made = convert("t.csv", EUC_KR.encode("이름,도시,나이\n김철수,서울,30\n이영희,부산,28\n").0);
    assert_eq!((made.table.columns[1].name.as_str(), values(&made.file, 0)[0].as_str()), ("도시", "김철수"));
    // Characters whose sounds begin with A to H alone.
    assert_eq!(found(GBK, "单价,成本\n北京,1\n广东,2\n湖北,3\n"), "gb18030");
}

#[test]
fn short_western_text_is_told_from_gb18030() {
    for text in [
        "name,n\nMüller,1\n",
        "name,n\ncafé,1\n",
        "temp\n25 °C\n26 °C\n",
        "length,n\n5 µm,1\n",
        "title,n\nÜber große Straßen,1\nÄrger,2\n",
        "name,city\nMüller,Köln\nJosé,São Paulo\n",
    ] {
        assert_eq!(found(WINDOWS_1252, text), "windows-1252", "{text}");
    }
}

#[test]
fn utf_16_without_a_mark_is_found_and_told_whatever_it_holds() {
    let texts = [
        "姓名,城市，地区,职业\n张三丰,上海市,程序员\n李四光,北京市,地质学家\n",
        "城市\n一\n三\n",
        "name,n\nÄnne,1\nBob,2\n",
    ];
    for (label, order) in [("utf-16le", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("utf-16be", u16::to_be_bytes)] {
        for text in texts {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
            let made = convert("t.csv", &bytes);
            assert_eq!(made.table.options.encoding.as_deref(), Some(label), "{text}");
            let words = format!("the text was read as {label}; if characters look wrong, choose another encoding");
            assert_eq!(said(&made.table.warnings), std::slice::from_ref(&words), "{text}");
            assert_eq!(said(&preview("t.csv", &bytes, 9).warnings), [words], "{text}");
            assert_eq!(values(&made.file, 0)[0], text.lines().nth(1).unwrap().split(',').next().unwrap());
        }
    }
}

#[test]
fn gbk_is_still_found_in_short_texts() {
    let words = "编号 姓名 性别 男 年龄 城市 北京 上海 广州 深圳 重庆 张三 李四 王五 赵六 日期 时间 数量 单价 金额 备注 产品 名称 \
                 型号 订单 客户 地址 电话 部门 销售 成本 利润 合计 小计 总计 是 否 有 无 合格 不合格 温度 湿度 压力 身高 体重 \
                 朱镕基 喆 陈珺 张國榮 劉德華 25℃ 数量α 第①组 一二三 水果 苹果 香蕉 你好，世界。 中国 人民币 ￥5 重量（公斤） 陶喆";
    for word in words.split_whitespace() {
        for text in [format!("id,{word}\n1,2\n"), format!("word,n\n{word},1\n")] {
            let found = found(GBK, &text);
            assert!(found == "gb18030" || (found == "utf-8" && word.chars().count() < 3), "{word}: {found}");
        }
    }
    assert_eq!(found(GBK, "姓名,城市\n張國榮,香港\n劉德華,臺北\n"), "gb18030");
}
