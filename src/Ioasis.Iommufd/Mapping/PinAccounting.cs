namespace Ioasis.Iommufd.Mapping;

/// <summary>
/// Who is charged for pinned pages (Linux: IOPT_PAGES_ACCOUNT_NONE, USER and MM). Totals are charged in this order.
/// </summary>
internal enum PinAccounting
{
    /// <summary>Nobody: the process may lock any amount of memory.</summary>
    None,

    /// <summary>The process's user.</summary>
    User,

    /// <summary>The process.</summary>
    Process,

    /// <summary>
    /// Nobody is charged, but what is pinned for the process may not exceed its limit, whatever its capabilities
    /// (Linux: drivers/vhost/vdpa.c and pinned_vm).
    /// </summary>
    Pinned,

    /// <summary>Who maps counts by itself: nothing is counted here.</summary>
    Elsewhere,
}
