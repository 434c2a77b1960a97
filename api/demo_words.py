"""Invented names for the demo city. Only the divisions' names in it are real."""

# ruff: noqa: SIM905 - a list of words reads as words

SURNAMES = (
    "李王张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗郑梁谢宋唐许邓韩冯曹曾彭肖蔡潘田董袁于余叶杜苏魏程吕丁任卢姚沈"
)
"""Frequent ones first: drawn so that the first come up most."""

GIVEN = [
    "建国",
    "秀英",
    "志强",
    "桂兰",
    "红伟",
    "玉梅",
    "海军",
    "春花",
    "小龙",
    "凤霞",
    "卫东",
    "丽娟",
    "长江",
    "淑珍",
    "国庆",
    "爱莲",
    "文斌",
    "桂香",
    "保平",
    "雪琴",
    "新民",
    "彩霞",
    "铁柱",
    "秋菊",
    "永刚",
    "金花",
    "明亮",
    "翠萍",
    "向阳",
    "素芳",
]

SHOPS = [
    "惠民超市",
    "福满家超市",
    "鑫源烟酒",
    "好邻居便利店",
    "康乐大药房",
    "仁和诊所",
    "顺达汽修",
    "万家建材",
    "老街面馆",
    "黄河人家饭店",
    "天鹅湖宾馆",
    "金诺珠宝",
    "名扬手机",
    "宏图五金",
    "丰收农资",
    "绿源种子",
    "新华书店",
    "阳光文具",
    "美丽发屋",
    "童乐母婴",
    "苹果收购站",
    "棉之家床品",
    "佳美家电",
    "诚信电脑",
    "锦绣布艺",
]

KEY_SITES = "信用社 邮政所 卫生院 加油站 供电所 中心小学 自来水厂 粮站 通信机房".split()

COMPOUNDS = [
    "阳光花园",
    "黄河嘉园",
    "天鹅苑",
    "崤山新村",
    "锦绣家园",
    "金水湾",
    "和平小区",
    "书香名邸",
    "滨河花园",
    "幸福里",
    "世纪新城",
    "翠园",
    "康居苑",
    "湖畔人家",
    "棉纺家属院",
    "园丁小区",
]

ORGANISATIONS = (
    ("police", "公安局（演示）"),
    ("security_company", "安盾保安公司（演示）"),
    ("security_company", "鹰眼安防服务公司（演示）"),
    ("security_company", "平安卫士保安公司（演示）"),
    ("insurer", "中原互助保险（演示）"),
)
"""Kind and name; the villages' committees come after them."""

FIRST_PHONE = 15_400_000_000
"""Telephone numbers count up from here. The segment 154 is allotted to no operator in China, so none of them rings."""
