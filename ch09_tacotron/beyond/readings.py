"""Beyond the print (section 9.8.14): readings of words and characters where the dictionaries and this voice differ.

CC-CEDICT (by pypinyin-dict) is the dictionary; these short lists are ours, written by hand. They follow what a speaker of
Beijing's standard says (lightly spoken 钱 in 价钱 is optional, 的 is not; 血 behind a verb is xiě), found by reading the odd
lines of BZNSYP's labels; the even lines are kept for measuring (``pinyin_accuracy.py``). No sentence is stored.
"""

# The names that speakers of Mandarin give to letters, in syllables that the voice has been taught.
LETTERS = dict(
    A="ei1", B="bi4", C="xi1", D="di4", E="yi4", F="ai2 fu5", G="ji4", H="ai2 chi1", I="ai4", J="jie4", K="kai1", L="ai2 lou5",
    M="ai2 mu5", N="en1", O="ou1", P="pi4", Q="qiu1", R="a4", S="ai2 si5", T="ti4", U="you1", V="wei1", W="da2 bu4 liu2",
    X="ai2 ke5 si5", Y="wai4", Z="zei4",
)  # fmt: skip

# Old forms of characters, which stand for a reading that the text told and its simplified characters do not: the 1 that names
# (T1, 1班), 乾 that is dry (衣服乾了), 繫 that ties (繫領帶). ``pinyin.py`` reads them, and looks words up without them.
SURE = {"弌": ("一", "yi1"), "乹": ("干", "gan1"), "繋": ("系", "ji4")}


def without_sure(text: str) -> str:
    """The text in the characters that everybody writes."""
    return "".join(SURE.get(character, character)[0] for character in text)


# Words that jieba has and that are none in most sentences, or are two words.
NO_WORDS = "美的 图为 一是 地拗 得分为 这一 打点 这张 花都".split()

WORDS = {
    # another reading than CC-CEDICT's first one
    **{"结果": "jie2 guo3", "刚刚": "gang1 gang1", "穿着": "chuan1 zhe5", "便宜": "pian2 yi5", "重点": "zhong4 dian3"},
    **{"当天": "dang4 tian1", "当晚": "dang4 wan3", "当作": "dang1 zuo4", "看好": "kan4 hao3", "着手": "zhuo2 shou3"},
    **{"大夫": "dai4 fu5", "士大夫": "shi4 dai4 fu1", "教学": "jiao4 xue2", "没收": "mo4 shou1", "所长": "suo3 zhang3"},
    **{"犬只": "quan3 zhi1", "孙子兵法": "sun1 zi3 bing1 fa3"},
    **{"好处": "hao3 chu4", "好好": "hao2 hao3", "处处": "chu4 chu4", "分子": "fen4 zi3", "作料": "zuo2 liao4"},
    **{"强劲": "qiang2 jing4", "切开": "qie1 kai1", "较差": "jiao4 cha4", "掺杂": "chan1 za2", "掺入": "chan1 ru4"},
    **{"卡住": "qia3 zhu4", "卡位": "qia3 wei4", "露出": "lou4 chu1", "撇开": "pie3 kai1", "撇清": "pie3 qing1"},
    **{"煮熟": "zhu3 shu2", "止血": "zhi3 xie3", "出血": "chu1 xie3", "大出血": "da4 chu1 xie3", "吐血": "tu4 xie3"},
    **{"散打": "san2 da3", "尽量": "jin4 liang4", "一场": "yi1 chang3", "一曲": "yi1 qu3", "一晃": "yi1 huang4"},
    **{
        "栖霞": "qi1 xia2",
        "柏芝": "bo2 zhi1",
        "藏民": "zang4 min2",
        "阿房宫": "e1 pang2 gong1",
        "重山": "chong2 shan1",
    },
    **{
        "怎么着": "zen3 me5 zhe1",
        "不得了": "bu4 de2 liao3",
        "差不多": "cha4 bu4 duo1",
        "嗯": "en4",
        "露馅": "lou4 xian4",
    },
    **{"这儿": "zhe4 er5", "那儿": "na4 er5", "哪儿": "na3 er5", "不了": "bu4 liao3", "小姐": "xiao2 jie3"},
    **{"懂得": "dong3 de2", "值得": "zhi2 de2", "使得": "shi3 de2", "落得": "luo4 de2", "怪不得": "guai4 bu4 de2"},
    # the neutral tone where CC-CEDICT has another
    **{"老子": "lao3 zi5", "金子": "jin1 zi5", "孙子": "sun1 zi5", "贩子": "fan4 zi5", "小子": "xiao3 zi5"},
    **{"宝宝": "bao3 bao5", "狗狗": "gou3 gou5", "大爷": "da4 ye5", "老婆": "lao3 po5", "闺女": "gui1 nv5"},
    **{"菩萨": "pu2 sa5", "将军": "jiang1 jun5", "乡亲": "xiang1 qin5", "外甥": "wai4 sheng5", "姑娘": "gu1 niang5"},
    **{"喉咙": "hou2 long5", "栅栏": "zha4 lan5", "算盘": "suan4 pan5", "簸箕": "bo4 ji5", "糌粑": "zan1 ba5"},
    **{"教教": "jiao1 jiao1", "懒得": "lan3 de5", "舍不得": "she3 bu4 de5"},
    **{"出来": "chu1 lai5", "报复": "bao4 fu5", "个头": "ge4 tou5"},
    # and the other way round
    **{"母亲": "mu3 qin1", "眼睛": "yan3 jing1", "头发": "tou2 fa4", "窗户": "chuang1 hu4", "答应": "da1 ying4"},
    **{"一着不慎": "yi1 zhao1 bu4 shen4"},
    **{"撒谎": "sa1 huang3", "主意": "zhu2 yi4", "价值": "jia4 zhi2", "面积": "mian4 ji1"},
}

# What jieba takes apart, or into other words, so that a polyphone in it is read as if it stood alone.
PHRASES = {
    **{"曾任": "ceng2 ren4", "重重地": "zhong4 zhong4 de5", "花都区": "hua1 du1 qu1", "好面子": "hao4 mian4 zi5"},
    **{"种瓜得瓜": "zhong4 gua1 de2 gua1", "种豆得豆": "zhong4 dou4 de2 dou4", "一物降一物": "yi1 wu4 xiang2 yi1 wu4"},
    **{"到处都是": "dao4 chu4 dou1 shi4", "相机而动": "xiang1 ji1 er2 dong4", "穿着打扮": "chuan1 zhuo2 da3 ban4"},
    **{"穿着朴素": "chuan1 zhuo2 pu3 su4", "穿着得体": "chuan1 zhuo2 de2 ti3", "干将莫邪": "gan1 jiang4 mo4 ye2"},
    **{"三行": "san1 hang2", "两行": "liang3 hang2", "一行字": "yi1 hang2 zi4", "一行诗": "yi1 hang2 shi1"},
    **{"另起一行": "ling4 qi3 yi1 hang2", "干一行": "gan4 yi1 hang2", "爱一行": "ai4 yi1 hang2"},
    **{
        "不亦说乎": "bu4 yi4 yue4 hu1",
        "好之者": "hao4 zhi1 zhe3",
        "逝者如斯夫": "shi4 zhe3 ru2 si1 fu2",
        "朝辞": "zhao1 ci2",
    },
    **{"江陵一日还": "jiang1 ling2 yi1 ri4 huan2", "草低见牛羊": "cao3 di1 xian4 niu2 yang2"},
    **{"会稽": "kuai4 ji1", "长子县": "zhang3 zi3 xian4", "大城县": "dai4 cheng2 xian4", "句践": "gou1 jian4"},
    **{"那英": "na1 ying1", "绿林好汉": "lu4 lin2 hao3 han4", "硕果累累": "shuo4 guo3 lei2 lei2", "糖分": "tang2 fen4"},
    **{
        "果实累累": "guo3 shi2 lei2 lei2",
        "重装": "chong2 zhuang1",
        "重装系统": "chong2 zhuang1 xi4 tong3",
        "兴许": "xing1 xu3",
        "延误": "yan2 wu4",
    },
    # the particle between a verb and what comes of it is light (XHC); CC-CEDICT has de2 here
    **{
        "看得见": "kan4 de5 jian4",
        "看得上": "kan4 de5 shang4",
        "听得见": "ting1 de5 jian4",
        "听得到": "ting1 de5 dao4",
    },
    **{
        "找得到": "zhao3 de5 dao4",
        "想得到": "xiang3 de5 dao4",
        "想得美": "xiang3 de5 mei3",
        "比得上": "bi3 de5 shang4",
    },
    **{"过得去": "guo4 de5 qu4", "过得硬": "guo4 de5 ying4", "差得多": "cha4 de5 duo1", "憋得慌": "bie1 de5 huang1"},
}
WORDS.update(PHRASES)

# A polyphone that stands alone has another sense than its usual one where this matches at it (XHC): pattern, reading.
SENSES = {
    "中": ("中(?=了(?![结解却断])|过[奖毒弹枪计])", "zhong4"),  # to hit: 中了彩票
    "量": ("量(?=[了着过]|一量|体温|身高|血压|尺寸|腰围)|(?<=量一)量", "liang2"),  # to measure
    "数": ("数(?=一数|星星|到[一二三四五六七八九十百])|(?<=数一)数", "shu3"),  # to count
    "转": (
        "转(?=得(?!到)|个不停|来转去|圈|了[一两几]?圈)|(?<=[绕围]着.)转|(?<=[绕围]着..)转",
        "zhuan4",
    ),  # round and round
    "盛": ("盛(?=[了满入进好汤饭]|出[来一]|一[碗勺盘])", "cheng2"),  # to ladle, to hold
    "吐": ("吐(?=得|个不停|了(?!口|一口|舌|吐))|(?<=[想要])吐$", "tu4"),  # to be sick
    "涨": ("涨(?=得(?:通红|满脸|发紫))", "zhang4"),  # of blood
    "扎": ("扎(?=起(?:来|头发|辫)|了起来|[了着]?[一两个]{0,2}[大小长短]?(?:辫|马尾|头发|蝴蝶结))", "za1"),  # to tie
    "调": ("调(?=成(?!都)|[匀好高低大小亮暗淡]|到[零一二三四五六七八九十百]+[度档])", "tiao2"),  # to set, to mix
    "重": ("(?<![很太体最更])重(?=[做写拍录测印算画])", "chong2"),  # once more
    "行": ("(?<=第[一二三四五六七八九十])行|(?<=[两三四五六七八九十几每])行(?=[字诗代文泪热])", "hang2"),  # a line
    "结": ("结(?=[出满])", "jie1"),  # to bear fruit
    "撒": ("撒(?=[上入些点满在盐糖]|了一地)", "sa3"),  # to strew
    "处": ("(?<![一两三几各此])处(?=[一两二三五六七十]+[年个日]|死刑|无期|拘役)", "chu3"),  # to punish
    "背": ("背(?=了|起(?!来))", "bei1"),  # to carry
    "着": ("(?<=没[找见买抓碰逮])着", "zhao2"),  # to get
    "落": ("落(?=在(?:家里|办公室|公司|教室|出租车))", "la4"),  # to leave behind
    "当": ("(?<=把[你我他她它您])当|(?<=把[你我他她]们)当", "dang4"),  # to take for
    "空": ("空(?=出)", "kong4"),  # to vacate
    "教": ("教(?=数学|语文|英语|物理|化学|历史|音乐)", "jiao1"),  # to teach
    "担": ("(?<=[一两三几])担(?=[水米柴粮])", "dan4"),  # a load
}

# Characters standing alone (in no word of the dictionary).
CHARACTERS = {
    **{"哦": "o5", "哟": "yo5", "喽": "lou5", "咯": "lo5", "诶": "ei5", "喔": "o5", "呐": "na5", "哩": "li5"},
    **{
        "儿": "er2",
        "拽": "zhuai4",
        "拧": "ning3",
        "撇": "pie3",
        "呛": "qiang4",
        "尽": "jin4",
        "帖": "tie3",
        "脏": "zang1",
    },
    **{"长": "chang2", "露": "lou4", "勒": "le4", "佛": "fo2", "棱": "leng2", "嗲": "dia3", "晕": "yun1", "挨": "ai2"},
    **{"削": "xiao1", "粘": "zhan1", "曝": "bao4", "查": "cha2", "哒": "da1", "葛": "ge3", "颇": "po1", "嗯": "en4"},
    **{"切": "qie1", "杠": "gang4", "呣": "mu2", "姆": "mu3", "噷": "heng1", "哼": "heng1"},
}

# Characters whose neutral tone at a word's end CC-CEDICT has and this voice mostly does not speak (力量, 任务, 尺寸) …
SPOKEN_FULL = set(
    "是来去上下里候欢生人气刚寸记点训应料亮扮置量道活敞落妇担边扯度务当婿钱住厚持楚叭字丁搓号李堂楼屈药户话意打条情"
)
# … but for these words.
SPOKEN_LIGHT = set("先生 夫人 东西 父亲 喇叭 事情 行李 商量".split())

# Surnames that are read otherwise than the character alone; asked for at the beginning of a name.
SURNAMES = {"肖": "xiao1", "葛": "ge3", "朴": "piao2", "曾": "zeng1", "任": "ren2", "单": "shan4", "解": "xie4"}
SURNAMES.update(
    {"仇": "qiu2", "查": "zha1", "覃": "qin2", "华": "hua4", "尉": "wei4", "翟": "zhai2", "盖": "ge3", "缪": "miao4"}
)

# 儿 is a syllable of its own in words of songs and tales, though dictionaries write r.
SUNG = set("花儿 鸟儿 马儿 鱼儿 云儿 月儿 风儿 虫儿 羊儿 牛儿".split())
# Last characters of the words with erhua in the list of the national Putonghua test, and a few more of Beijing's speech;
# words that CC-CEDICT knows are decided there.
ERHUA_ENDINGS = set(
    "把码法哪茬杂擦牌带盖孩塞板伴瓣盘蛋摊栏干杆槛方趟肠瓤价下芽辫片面点天链尖肩签馅眼梁亮样瓜褂花话刷块馆罐款转弯玩腕黄晃窗卷"
    "绢圈圆缘远院背黑本盆门们闷跟针阵神婶人仁刃镚缝颈成截鞋角腿会垂水嘴味盹墩轮棍准春瓮子词刺汁齿事鼻底脐意劲信印瓶鸣钉铃镜清星"
    "影驴曲盂群特乐歌个嗝盒这那步谱妇核珠数冻洞同空盅葱包泡道套高好罩招哨枣漂苗调条角窍兜头偷口扣轴丑油牛阄球锅活伙戳说窝膜末"
    "范礼俩欢家檐汉鸡堆根"
)

# What stands before 得 where it means 'must'; before 为 where it means 'for' (wei4), and where it means 'to be' (wei2);
# before 地 where it is the ground (di4); before 长 where it is the head of something (zhang3); behind a surname.
MUST = set("就 还 都 也 总 必须 我 你 他 她 可 非 估计 恐怕 看来 起码 至少 肯定 一定 大概 该".split())
HAVE_TO = set("先 靠 找 注意 小心".split())  # behind 得: 'must'
FOR = set("在 已 将 也 就 只 却 要 会 可以 可 试图 决定 反对 都 又 还 并 正在 专门 来 去".split())
FOR |= set("能 愿 愿意 乐意 则 才 特 特意 已经".split())
HIM = set("我 你 他 她 它 您 咱 我们 你们 他们 她们 咱们 自己 此 谁 什么 啥 啥子 何 了".split())  # behind 为: 'for'
TO_BE = set("均 皆 依次 分别 图 最 可能 曾 更 尤 极 较 不 终 应".split())
BECOME = set("变 演变 转变 增加 减少 转型 更名 改名 命名 评 选 选拔 筛选 称 简称 自称 自诩 誉".split())
BECOME |= set("视 定 判 认定 列 升 降 提拔 分 折合 兑".split())
BEFORE_GROUND = set("在倒到此该各本两属某这那落离等一")
LONG = set("时间 日子 头发 胡子 指甲".split())  # before 长了: are or have become long
HEADED = set("省市县区州部局院校厂处科所队船站社团馆店镇乡村组班司")
TITLES = set("先生 女士 小姐 太太 夫人 老师 教授 医生 某 某某 总 经理 书记 主任 家".split())
