class HtxDialect:
    venue = "htx"
