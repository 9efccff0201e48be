"""One word in another script, where scripts correspond letter by letter."""

from __future__ import annotations

import unicodedata
from functools import cache

__all__ = ["SCRIPTS", "ZEROS", "convert", "with_digits"]

_INDIC = {
    "bengali": 0x0980, "devanagari": 0x0900, "gujarati": 0x0A80, "gurmukhi": 0x0A00, "kannada": 0x0C80,
    "malayalam": 0x0D00, "oriya": 0x0B00, "tamil": 0x0B80, "telugu": 0x0C00,
}  # fmt: skip
"""First code point of each block; the blocks are laid out alike, after ISCII."""

SCRIPTS = ("auto", "hiragana", "katakana", "serbian-cyrillic", "serbian-latin", "simplified", "traditional",
           *sorted(_INDIC))  # fmt: skip

_CYRILLIC = "абвгдђежзијклљмнњопрстћуфхцчџш"
_LATIN = (*"abvgdđežzijkl", "lj", "m", "n", "nj", *"oprstćufhcč", "dž", "š")

_SIMPLIFIED = (
    "国学门车马鸟鱼龙书长东见贝风飞气电话语说读请谁让认识记时间问开关闭闻阳阴际难题头买卖卫从众个们来对错钟钱银铁"
    "铜红绿蓝级线经济给结绝网罗义习乐农医华协单厂厅历压厌县双变叶号听员响问团园围图圆场坏块坚声处备复够夹奋妇妈"
    "孙宁实宝审宪宫宽寻导层属岁岛币师带帮库应庙废广庄归当录彻态总恶惊战户扑执扩扫扬担护报择换据断无旧显晓术机"
    "杀杂权条极构枪样桥档检楼欢欧毁毕汇汉汤沟没泪洁测浅浓涛温湾湿满滚滨灭灯灵灾炉点炼热爱爷牵独狮环现电疗疯"
    "皱盐监盖盘码确离种积称稳穷窃竞笔笼签简粮紧纪约纯纲纳纸织终组细练绍绕统继续维绵综缘缩罚职联肃脑脚艺节苏"
    "苹药获营虑虽蚂装览规视觉计订讨训议讲许论设访证评诉词试诗话该详误诸课调谈谢谱贡财责败货质贩贪贫购贯贵费"
    "贺资赏赛赞赢赵趋跃践车轨转轮软轻载较辆输边达迁过迈运还这进远违连迟选递遗邮邻郑酱释针镇镜门闪闲闹阅阔队"
    "阵险随隐雾静项顺须顾顿预领颜额飘饭饮馆驶驾验骂骗鲁鸡鸭鹅麦黄齐齿龄"
)
_TRADITIONAL = (
    "國學門車馬鳥魚龍書長東見貝風飛氣電話語說讀請誰讓認識記時間問開關閉聞陽陰際難題頭買賣衛從眾個們來對錯鐘錢銀鐵"
    "銅紅綠藍級線經濟給結絕網羅義習樂農醫華協單廠廳歷壓厭縣雙變葉號聽員響問團園圍圖圓場壞塊堅聲處備復夠夾奮婦媽"
    "孫寧實寶審憲宮寬尋導層屬歲島幣師帶幫庫應廟廢廣莊歸當錄徹態總惡驚戰戶撲執擴掃揚擔護報擇換據斷無舊顯曉術機"
    "殺雜權條極構槍樣橋檔檢樓歡歐毀畢匯漢湯溝沒淚潔測淺濃濤溫灣濕滿滾濱滅燈靈災爐點煉熱愛爺牽獨獅環現電療瘋"
    "皺鹽監蓋盤碼確離種積稱穩窮竊競筆籠簽簡糧緊紀約純綱納紙織終組細練紹繞統繼續維綿綜緣縮罰職聯肅腦腳藝節蘇"
    "蘋藥獲營慮雖螞裝覽規視覺計訂討訓議講許論設訪證評訴詞試詩話該詳誤諸課調談謝譜貢財責敗貨質販貪貧購貫貴費"
    "賀資賞賽贊贏趙趨躍踐車軌轉輪軟輕載較輛輸邊達遷過邁運還這進遠違連遲選遞遺郵鄰鄭醬釋針鎮鏡門閃閒鬧閱闊隊"
    "陣險隨隱霧靜項順須顧頓預領顏額飄飯飲館駛駕驗罵騙魯雞鴨鵝麥黃齊齒齡"
)


@cache
def _letters(to: str) -> dict[str, str]:
    """Return what each character becomes; for Serbian Latin also pairs of letters."""
    if to in ("simplified", "traditional"):
        pairs = [(s, t) for s, t in zip(_SIMPLIFIED, _TRADITIONAL, strict=True) if s != t]
        return dict(pairs) if to == "traditional" else {t: s for s, t in pairs}
    if to == "katakana":
        return {chr(code): chr(code + 0x60) for code in range(0x3041, 0x3097)}
    if to == "hiragana":
        return {chr(code + 0x60): chr(code) for code in range(0x3041, 0x3097)}
    small = dict(zip(_CYRILLIC, _LATIN))
    both = small | {cyrillic.upper(): latin.capitalize() for cyrillic, latin in small.items()}
    return both if to == "serbian-latin" else {latin: cyrillic for cyrillic, latin in both.items()}


def convert(word: str, to: str) -> str:
    """Return a word in another script, or as it is where it has no form there."""
    if to == "auto":
        return next((other for each in _USUAL if (other := convert(word, each)) != word), word)
    if to in _INDIC:
        return _sister(word, _INDIC[to])
    letters = _letters(to)
    if to == "serbian-cyrillic":
        return _pairs(word, letters)
    if to == "serbian-latin" and any(c not in letters and c.isalpha() for c in word):
        return word  # another language that is written in Cyrillic
    return "".join([letters.get(character, character) for character in word])


_USUAL = ("katakana", "hiragana", "traditional", "simplified", "serbian-latin", "gujarati", "devanagari")


def _pairs(word: str, letters: dict[str, str]) -> str:
    """Return a Latin word in Serbian Cyrillic, where it is written with Serbian letters alone."""
    result, place = [], 0
    while place < len(word):
        pair = word[place : place + 2]
        step = 2 if pair.capitalize() in letters and len(pair) == 2 else 1
        found = letters.get(pair) or letters.get(pair.capitalize()) if step == 2 else letters.get(word[place])
        if found is None:
            return word
        result.append(found)
        place += step
    return "".join(result)


def _sister(word: str, start: int) -> str:
    """Return a word of one Indic script in another, if every letter has a counterpart there."""
    result = []
    for character in word:
        code = ord(character)
        if 0x0900 <= code < 0x0D80 and code not in (0x0964, 0x0965):
            character = chr(start + (code & 0x7F))
            if unicodedata.category(character) == "Cn":
                return word
        result.append(character)
    return "".join(result)


ZEROS = {
    "arab": "٠", "arabext": "۰", "beng": "০", "deva": "०", "fullwide": "０", "gujr": "૦", "guru": "੦", "khmr": "០",
    "knda": "೦", "laoo": "໐", "latn": "0", "mlym": "൦", "mymr": "၀", "orya": "୦", "taml": "௦", "telu": "౦", "thai": "๐",
    "tibt": "༠",
}  # fmt: skip
"""Unicode's names of numbering systems, and the digit zero of each; the other nine follow it."""


def with_digits(text: str, system: str) -> str:
    """Return a text with every decimal digit, of whatever script, written in a numbering system."""
    zero = ord(ZEROS[system])
    return "".join([chr(zero + unicodedata.decimal(c)) if c.isdecimal() else c for c in text])
