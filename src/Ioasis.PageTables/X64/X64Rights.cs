namespace Ioasis.PageTables.X64;

/// <summary>
/// What table entries grant. What a page may be used for is what every entry on the way to it grants.
/// </summary>
[Flags]
internal enum X64Rights : byte
{
    /// <summary>Reads by a supervisor.</summary>
    None = 0,

    /// <summary>Writes, too. The value is the entry's R/W bit.</summary>
    Write = 1 << 1,

    /// <summary>Users, too. The value is the entry's U/S bit.</summary>
    User = 1 << 2,

    /// <summary>What an entry can grant: the start of a walk.</summary>
    All = Write | User,
}
