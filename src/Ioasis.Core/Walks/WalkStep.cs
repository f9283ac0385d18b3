namespace Ioasis.Core.Walks;

/// <summary>One step of a translation, as it is shown.</summary>
/// <param name="Stage">Who takes it.</param>
/// <param name="Level">The level of the table entry, from 1; 0 where there is none.</param>
/// <param name="Address">The address that is looked up: of the entry, or the one to be translated.</param>
/// <param name="Entry">The entry; null where there is none.</param>
/// <param name="Says">What comes of it.</param>
/// <param name="IsKept">Whether a cache of the unit says so, rather than memory as it is now.</param>
/// <param name="IsFault">Whether it ends here.</param>
public sealed record WalkStep(WalkStage Stage, int Level, ulong Address, ulong? Entry, string Says, bool IsKept,
    bool IsFault)
{
    /// <summary>
    /// Which bits of the request's address the step uses: the index into a table, or the offset in the page. Null for
    /// none.
    /// </summary>
    public WalkBits? Uses { get; init; }

    /// <summary>The entry's fields, from the lowest bit; null if there is none or its format is unknown.</summary>
    public IReadOnlyList<WalkField>? Fields { get; init; }

    /// <summary>Of an entry that is read from a guest's memory, what the second stage maps there.</summary>
    public WalkMapping? Mapping { get; init; }

    /// <summary>Of a step that ends the walk, the unit's number for it; null for none.</summary>
    public int? Code { get; init; }

    /// <summary>
    /// Of a step that ends the walk, what the unit's specification says of it; null if it says nothing.
    /// </summary>
    public string? Rule { get; init; }
}

/// <summary>Some bits of an address.</summary>
/// <param name="First">The lowest.</param>
/// <param name="Count">How many.</param>
public sealed record WalkBits(int First, int Count);

/// <summary>A field of an entry.</summary>
/// <param name="Name">Its name in the specification.</param>
/// <param name="First">Its lowest bit.</param>
/// <param name="Count">How many bits it has.</param>
/// <param name="Value">Its value; of an address, all of it and not only its bits.</param>
/// <param name="Says">What the value means.</param>
public sealed record WalkField(string Name, int First, int Count, ulong Value, string Says);

/// <summary>A mapping that a step goes through.</summary>
/// <param name="First">Its first address.</param>
/// <param name="Last">Its last address.</param>
/// <param name="Access">What devices may do, in words.</param>
public sealed record WalkMapping(ulong First, ulong Last, string Access);

/// <summary>Who takes a step of a translation.</summary>
public enum WalkStage
{
    /// <summary>The device's requester ID or PASID leads to a page table.</summary>
    Attachment,

    /// <summary>The user's own table.</summary>
    First,

    /// <summary>The mappings of an IOAS.</summary>
    Second,

    /// <summary>A process's own address space.</summary>
    Process,

    /// <summary>
    /// What the user wrote down to lead from the device and its PASID to a table: a context, stream table or PASID
    /// table entry.
    /// </summary>
    Context,
}
