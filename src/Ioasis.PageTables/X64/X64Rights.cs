namespace Ioasis.PageTables.X64;

/// <summary>Rights that table entries grant. A page has the rights that every entry on the way to it grants.</summary>
[Flags]
public enum X64Rights : byte
{
    /// <summary>Supervisor reads.</summary>
    None = 0,

    /// <summary>Also writes. The value is the entry's R/W bit.</summary>
    Write = 1 << 1,

    /// <summary>Also user accesses. The value is the entry's U/S bit.</summary>
    User = 1 << 2,

    /// <summary>All rights: the start of a walk.</summary>
    All = Write | User,
}
