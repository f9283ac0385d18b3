using Ioasis.Memory;

namespace Ioasis.Core.PageRequests;

/// <summary>
/// A device asks for a page that its translation did not give it (PCI Express: Page Request message, 10.4.1).
/// </summary>
/// <param name="Pasid">For which address space; null for that of the requester ID.</param>
/// <param name="Group">The device's number for requests that are answered together.</param>
/// <param name="Access">What it wants to do there.</param>
/// <param name="Address">Where.</param>
/// <param name="IsLast">Whether the group is complete with this one, and wants its answer.</param>
public readonly record struct PageRequest(Pasid? Pasid, uint Group, PageRequestAccess Access, Iova Address,
    bool IsLast);

/// <summary>What a page is asked for.</summary>
[Flags]
public enum PageRequestAccess : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>To be read.</summary>
    Read = 1,

    /// <summary>To be written.</summary>
    Write = 2,

    /// <summary>To be executed.</summary>
    Execute = 4,

    /// <summary>By privileged code.</summary>
    Privileged = 8,
}

/// <summary>The answer to a group of page requests (PCI Express: Page Request Group Response, 10.4.2).</summary>
public enum PageResponse
{
    /// <summary>The pages are there: the device may try again.</summary>
    Success = 0,

    /// <summary>At least one of them will not come.</summary>
    Invalid = 1,

    /// <summary>Page requests of the device are not handled at all.</summary>
    Failure = 2,
}
