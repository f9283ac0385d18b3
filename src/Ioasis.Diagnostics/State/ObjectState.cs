namespace Ioasis.Diagnostics.State;

/// <summary>An object of a context. What it does not have is null.</summary>
/// <param name="Id">Its ID.</param>
/// <param name="Kind"><c>ioas</c>, <c>hwpt_paging</c>, <c>hwpt_nested</c>, <c>hwpt_process</c>, <c>device</c>,
/// <c>access</c>, <c>fault</c>, <c>viommu</c>, <c>vdevice</c>, <c>veventq</c>, <c>hw_queue</c> or another.</param>
internal sealed record ObjectState(uint Id, string Kind)
{
    /// <summary>Of an IOAS, the addresses that can be mapped.</summary>
    public IReadOnlyList<RangeState>? IovaRanges { get; init; }

    /// <summary>Of an IOAS, how many mappings it has.</summary>
    public long? MapCount { get; init; }

    /// <summary>Of an IOAS, the bytes of its mappings.</summary>
    public long? MappedBytes { get; init; }

    /// <summary>Of an IOAS, its lowest mappings; no more than <see cref="StateReader.MostListed"/>.</summary>
    public IReadOnlyList<MapState>? Maps { get; init; }

    /// <summary>Of a paging HWPT or an access, the IOAS.</summary>
    public uint? Ioas { get; init; }

    /// <summary>Of a nested HWPT or a vIOMMU, the HWPT that is its second stage.</summary>
    public uint? Parent { get; init; }

    /// <summary>Of a nested HWPT, its first stage.</summary>
    public FirstStageState? FirstStage { get; init; }

    /// <summary>Of a process's HWPT, the process.</summary>
    public int? Process { get; init; }

    /// <summary>Of a HWPT, what it is: <c>auto</c>, <c>nest_parent</c>, <c>dirty_tracking</c>, <c>pasid</c>.</summary>
    public IReadOnlyList<string>? Flags { get; init; }

    /// <summary>Of a HWPT, the queue of its page requests.</summary>
    public uint? Fault { get; init; }

    /// <summary>Of a fault queue, how many groups are unread.</summary>
    public int? Unread { get; init; }

    /// <summary>Of a fault queue, how many groups were read and are not answered.</summary>
    public int? Unanswered { get; init; }

    /// <summary>Of a bound device, which; of a vdevice, the ID of the bound device.</summary>
    public string? Device { get; init; }

    /// <summary>Of a bound part of a function, the PASID that it is.</summary>
    public uint? Pasid { get; init; }

    /// <summary>Of what belongs to a vIOMMU, which.</summary>
    public uint? Viommu { get; init; }

    /// <summary>Of a vdevice, the guest's ID for it.</summary>
    public ulong? VirtualId { get; init; }

    /// <summary>Of a queue of events, their type.</summary>
    public uint? Type { get; init; }
}
