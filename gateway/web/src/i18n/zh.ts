// Simplified Chinese.
import type { Messages } from "./i18n";

export const zh: Messages = {
  app: { name: "分析", tagline: "上传表格，实时运行 Python，每一次分析都有迹可循。" },
  common: {
    all: "全部", cancel: "取消", close: "关闭", copied: "已复制", copy: "复制", crashed: "页面出错了", delete: "删除", done: "完成",
    failed: "操作未成功", loading: "加载中…", more: "加载更多", moreActions: "更多操作", newVersion: "已更新到新版本",
    noMatch: "没有找到", noMatchText: "试试更少的关键词，或调整筛选条件。", nothingHere: "这个地址下没有内容", reload: "重新加载",
    rename: "重命名", retry: "重试", save: "保存", saved: "已保存", undo: "撤销",
  },
  time: { now: "刚刚" },
  nav: {
    account: "账号：{name}", datasets: "数据集", history: "历史", home: "工作台", label: "主导航", settings: "设置", signOut: "退出登录",
    skip: "跳到正文", stats: "统计", users: "用户",
  },
  banner: {
    expired: "登录已过期。你写的内容都在，重新登录即可继续。", offline: "网络已断开。正在运行的代码不受影响，恢复后页面会自动补上输出。",
    signInAgain: "重新登录",
  },
  login: {
    failed: "登录未成功，请重新开始。", lead: "登录后继续你的分析。", noMethods: "尚未配置任何登录方式，请联系管理员。",
    or: "或", password: "密码", passwordAgain: "再次输入密码", passwordsDiffer: "两次输入的密码不一致。",
    setUpRequired: "还没有管理员。请打开服务启动时打印的一次性链接。", signIn: "登录", title: "欢迎回来",
    username: "用户名", with: "使用{name}登录",
  },
  setup: {
    create: "创建管理员", lead: "此链接只能使用一次。在这里创建的账号将管理本服务。",
    noToken: "链接中没有令牌。请打开服务启动时打印的完整一次性链接。", title: "初始化分析服务",
  },
  home: {
    analyses: "分析", analysisName: "名称", hello: "你好，{name}", lead: "继续之前的工作，或开始新的分析。", newAnalysis: "新建分析",
    noAnalyses: "当前没有打开的分析", noAnalysesText: "选择一个或多个表格启动 Python 内核，数据会以变量名加载好等你使用。",
    noTables: "未加载表格", pickTables: "选择要加载的表格，每个表格在 Python 中对应一个变量。", recentDatasets: "最近的数据集", recentHistory: "最近的分析",
    startEmpty: "不加载表格直接开始", startWith: "加载 {n} 个表格并开始",
  },
  kernel: {
    busy: "运行中", connecting: "连接中…", dead: "已结束", idle: "就绪", interrupting: "正在中断…", reconnecting: "重新连接中…", restarting: "正在重启…",
    starting: "正在启动…", stopping: "正在结束…",
  },
  notebook: {
    addCell: "添加单元格", cellDeleted: "已删除单元格", cellLabel: "单元格 {n}", cells: "单元格", deadDetail: "内核日志的最后几行",
    deadText: "下面的内容都已保留。重启会重新加载表格，但变量会丢失。", deadTitle: "内核已结束。", deleteCell: "删除单元格",
    end: "结束内核", endText: "正在运行的代码会停止，变量会丢失。历史记录会保留。", endTitle: "结束这个内核？", forceRestart: "强制重启",
    gone: "这个分析已不存在", goneText: "它的内核早已结束，运行过的内容可在历史中查看。", memory: "内核占用的内存", moveDown: "下移",
    moveUp: "上移", notSaved: "浏览器空间不足，草稿无法保存。离开页面前请先复制。", output: "输出", placeholder: "编写 Python，按 Shift+Enter 运行",
    queued: "排队等待中", reconnecting: "连接已断开。代码仍在运行，恢复后会自动补上输出。", restart: "重启内核",
    restartText: "正在运行的代码会停止，所有变量都会丢失。表格会重新加载。", restartTitle: "重启内核？", run: "运行", runAll: "全部运行",
    running: "运行中", sending: "发送中…", shortcuts: "键盘快捷键", showAll: "显示全部 {n} 行", showLess: "收起", stop: "停止", stopping: "正在停止…", tryThis: "试试",
    untitled: "未命名分析",
  },
  variables: {
    back: "向前", columns: "{n} 列", forward: "向后", more: "仅显示前 {n} 个。", none: "还没有变量。运行单元格后会出现在这里。",
    noSummary: "无法显示：{reason}", refresh: "刷新", rows: "{n} 行", title: "变量",
  },
  keys: {
    above: "在上方插入单元格", below: "在下方插入单元格", command: "退出编辑", delete: "删除单元格", down: "下一个单元格", edit: "编辑单元格", help: "显示本帮助",
    interrupt: "停止运行", move: "移动单元格", restart: "重启内核", runInsert: "运行并在下方插入", runNext: "运行并跳到下一个",
    runStay: "运行并停留", undo: "撤销删除单元格", up: "上一个单元格",
  },
  output: {
    chart: "图表", frameFailed: "无法绘制此输出：{reason}", imageBroken: "无法读取这张图片。", inputWanted: "请输入：", richOutput: "富文本输出",
    saveImage: "保存图片", send: "发送", showLarge: "显示较大的输出（{size}）", truncated: "此处省略了 {dropped} 的输出；单次运行最多保留 {limit}。",
    unknownForm: "此输出没有可以在这里显示的形式。",
  },
  notices: {
    datasetNotLoaded: "有表格未能加载。", interruptEscalated: "代码没有响应停止，内核即将被终止。", interruptSent: "已发送中断。",
    memoryHigh: "内存即将用尽。", outputLimit: "输出已达上限：之后只保留结果、错误和最后的文本。", other: "提示。", timeLimit: "已达到运行时限，正在停止代码。",
  },
  outcome: {
    cancelled: "已取消", error: "出错", interrupted: "已停止", killed: "内核终止", lost: "丢失", ok: "成功", timedOut: "超时",
  },
  death: {
    deleted: "已被手动结束。", exit: "进程自行退出（退出码 {code}）。", idle: "空闲时间过长。", limit: "超出限制：{detail}。",
    memory: "内存超出上限。", restarted: "已被重启。", shutdown: "服务已停止。", signal: "被信号 {signal} 终止。",
    startFailed: "未能启动。", unresponsive: "未响应停止请求。",
  },
  upload: {
    automatic: "自动", cancel: "移除", choose: "选择文件", comma: "逗号 ,", delimiter: "分隔符", detected: "自动：{value}", drop: "将表格拖到这里", encoding: "编码",
    failed: "上传失败。", formats: "CSV、TSV、Excel、JSON、Parquet、Feather", header: "首行", headerAbsent: "是数据", headerPresent: "是列名",
    left: "剩余 {span}", look: "打开", make: "创建数据集", making: "正在读取全部数据…", name: "名称", pause: "暂停", phaseDone: "已完成", phaseFailed: "失败",
    phasePaused: "已暂停", phaseReceived: "已上传", phaseRetrying: "连接断开，正在重试", phaseSending: "上传中", phaseWaiting: "等待中",
    previewLater: "文件上传完成后显示预览。", reading: "正在读取开头部分…", resume: "继续", semicolon: "分号 ;", sheet: "工作表", space: "空格",
    tab: "制表符", title: "上传表格", tooLarge: "文件超出单个文件上限或你的配额。",
  },
  datasets: {
    analysePicked: "分析 {n} 个表格", deleteText: "正在使用它的内核在结束前仍会保留数据。此操作无法撤销。", deleteTitle: "删除「{name}」？",
    deleted: "已删除「{name}」", none: "还没有数据集", noneText: "上传一个表格开始：CSV、Excel、JSON、Parquet 或 Feather。", pick: "选择 {name}",
    quota: "已使用 {used}，共 {quota}", renameTitle: "重命名数据集", search: "搜索数据集",
  },
  dataset: {
    about: "详情", analyse: "开始分析", cells: "数据", columns: "{n} 列", columnsTab: "列（{n}）", deviation: "标准差", distinct: "不同值",
    emptyText: "（空文本）", file: "文件", findColumn: "查找列", gone: "这个数据集已不存在", goneText: "它已被删除，或不属于你。", histogram: "分布",
    max: "最大", mean: "均值", min: "最小", missing: "缺失", moreColumns: "还有 {n} 列，请使用搜索。", noRows: "空表格",
    noRowsText: "共 {n} 列，没有数据行。", noValues: "没有值", rows: "{n} 行", size: "大小", variable: "Python 变量", wasNamed: "文件中为：{name}",
  },
  types: {
    binary: "二进制", boolean: "布尔", date: "日期", datetime: "日期时间", decimal: "定点小数", duration: "时长", float: "小数", integer: "整数",
    nested: "嵌套", text: "文本", time: "时间",
  },
  history: {
    anyDataset: "全部数据集", anyOutcome: "全部结果", anyTime: "全部时间", byDataset: "按数据集筛选", byOutcome: "按结果筛选", byTime: "按时间筛选",
    clearFilters: "清除筛选", code: "代码", deleted: "已删除分析", gone: "这条分析已不存在", lastDays: "最近 {n} 天", noResult: "没有输出。",
    none: "还没有分析记录", noneDeleted: "没有已删除的记录", noneDeletedText: "删除的分析会在这里保留 30 天。", noneText: "你运行的所有内容及结果都会保存在这里。",
    openNotebook: "打开分析", restore: "恢复", restored: "已恢复", result: "结果", search: "搜索代码、表格和结果", showDeleted: "已删除",
    total: "共 {n} 次分析", untitled: "（无代码）",
  },
  stats: {
    activeDays: "活跃天数", analyses: "{n} 次分析", datasets: "分析过的数据集", dayTip: "{total} 次分析，{failed} 次未成功", days30: "最近 30 天",
    failed: "{n} 次未成功", last: "最近：{when}", lead: "日期按 UTC 统计。", mean: "平均耗时", none: "还没有可统计的内容", noneText: "运行第一次分析后，这里会显示统计。",
    notOk: "未成功", succeeded: "{n} 次成功", successRate: "成功率", total: "分析次数", year: "最近一年",
  },
  settings: {
    changePassword: "修改密码", changePasswordText: "修改后，其他设备会退出登录。", currentPassword: "当前密码", devices: "设备",
    devicesText: "你已登录的设备。在此退出后，几秒内生效。", ends: "{when} 到期", general: "通用", language: "语言", lastUsed: "{when}使用",
    newPassword: "新密码", passwordChanged: "密码已修改", signOutDevice: "退出登录", signedOutDevice: "设备已退出登录", theme: "外观", themeDark: "深色",
    themeLight: "浅色", themeSystem: "跟随系统", thisDevice: "当前设备", tokens: "API 令牌", unknownDevice: "未知设备",
  },
  tokens: {
    create: "创建令牌", days: "{n} 天", lasts: "有效期", lead: "供程序通过 gRPC 调用。", made: "令牌已创建",
    madeText: "请立即复制。它只显示这一次，之后无法再次查看。", name: "名称", nameHint: "用途说明", neverUsed: "从未使用", none: "没有 API 令牌",
    noneText: "创建一个令牌，从程序中调用。", read: "读", revoke: "吊销", revokeText: "使用它的程序将在几秒内被拒绝。", revokeTitle: "吊销「{name}」？",
    revoked: "令牌已吊销", scopes: "权限", use: "发送方式：", write: "写",
  },
  users: {
    administrator: "管理员", create: "添加用户", createText: "创建一个本地账号，并将密码转交给对方。", created: "用户已添加", disable: "停用", disableText: "其所有设备和令牌会立即失效。",
    disableTitle: "停用 {name}？", disabled: "已停用", displayName: "显示名称", enable: "启用", lastLogin: "{when}登录", makeAdministrator: "设为管理员",
    makeMember: "设为成员", member: "成员", neverIn: "从未登录", passwordRule: "至少 10 个字符。", role: "角色", search: "搜索用户", setPassword: "设置密码",
    setPasswordText: "{name} 会在所有设备上退出，并使用新密码登录。", total: "{n} 位用户", usernameRule: "3 至 64 个字符：a–z、0–9、点、下划线、连字符。", you: "你",
  },
  reasons: {
    INVALID_FIELD: "有内容不符合要求。", INVALID_PAGE_TOKEN: "列表已变化，请重新加载。", REQUEST_ID_REUSED: "此请求已用其他内容发送过，请重试。",
    NOT_FOUND: "不存在，或不属于你。", UNAUTHENTICATED: "登录已失效。", PERMISSION_DENIED: "你没有权限执行此操作。",
    RATE_LIMITED: "尝试次数过多，请稍候。", UNAVAILABLE: "服务暂时没有响应，请稍后重试。", INTERNAL: "服务出错，请重试；如仍有问题请联系管理员。",
    DEADLINE_EXCEEDED: "耗时过长，请重试。", OVERLOADED: "服务繁忙，请稍后重试。", LOGIN_FAILED: "用户名或密码错误。",
    LOGIN_ATTEMPT_INVALID: "登录已超时或在别处发起，请重新开始。", LOGIN_CODE_INVALID: "登录未被接受，请重新开始。",
    LOGIN_REFUSED_BY_USER: "登录已被拒绝。", TENANT_NOT_ALLOWED: "你所在的组织不能登录此服务。", USER_DISABLED: "账号已停用，请联系管理员。",
    IDP_MISCONFIGURED: "此登录方式配置有误，请联系管理员。", IDP_UNAVAILABLE: "身份服务没有响应，请稍后重试。",
    LOGIN_METHOD_UNKNOWN: "未配置此登录方式。", SETUP_TOKEN_INVALID: "一次性链接有误或已被使用。", USERNAME_TAKEN: "用户名已被占用。",
    PASSWORD_UNACCEPTABLE: "密码不符合要求。", LAST_ADMINISTRATOR: "至少要保留一位启用的管理员。", UPLOAD_MISMATCH: "文件未完整到达，请重新上传。",
    UPLOAD_OFFSET: "上传位置不一致，请继续上传。", QUOTA_EXCEEDED: "空间不足。", UPLOAD_CLOSED: "此上传已完成或已过期。",
    FILE_UNREADABLE: "无法将文件读取为表格。", FILE_FORMAT: "文件的实际格式与名称不符。", FILE_EMPTY: "文件是空的。",
    FILE_TOO_LARGE: "表格过大。", DATASET_NOT_READY: "数据集尚未就绪。", KERNEL_LIMIT: "内核数量已达上限，请先结束一个。",
    KERNEL_DEAD: "内核已结束，重启后继续。", EXECUTION_QUEUE_FULL: "排队的单元格过多，请等待部分完成。", KERNEL_START_FAILED: "内核未能启动。",
    EXECUTION_ENDED: "它已经结束。", INPUT_NOT_REQUESTED: "已不再等待输入。", VARIABLE_NAME: "不是有效的 Python 变量名，或重复使用。", NOT_DELETED: "它没有被删除，或删除时间过久。",
    VARIABLE_UNREADABLE: "无法显示这个值。",
  },
};
