namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Whom pinned pages are charged to (Linux: IOPT_PAGES_ACCOUNT_NONE, USER and MM). The order is that in which totals
/// are charged.
/// </summary>
internal enum PinAccounting
{
    /// <summary>Nobody: the process may lock any memory.</summary>
    None,

    /// <summary>The process's user.</summary>
    User,

    /// <summary>The process.</summary>
    Process,
}
