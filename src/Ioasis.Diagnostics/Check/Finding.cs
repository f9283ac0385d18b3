using Ioasis.Memory;

namespace Ioasis.Diagnostics.Check;

/// <summary>A mistake of a program that a check found.</summary>
internal sealed record Finding
{
    /// <summary>Its kind.</summary>
    public required CheckKind Kind { get; init; }

    /// <summary>What happened, in a phrase that follows the kind.</summary>
    public required string What { get; init; }

    /// <summary>Where it happened.</summary>
    public FindingPlace Place { get; init; }

    /// <summary>The process that has the device or the context; 0 if unknown.</summary>
    public int Process { get; init; }

    /// <summary>The calls and circumstances that led to it.</summary>
    public IReadOnlyList<FindingPart> Parts { get; init; } = [];

    /// <summary>What would be right.</summary>
    public string? Hint { get; init; }

    /// <summary>What it is reported once for: two findings of a kind with equal subjects are one.</summary>
    public object? Subject { get; init; }
}

/// <summary>Where a finding happened. What does not apply is null.</summary>
/// <param name="Device">What the machine calls the device.</param>
/// <param name="Pasid">The PASID of its request.</param>
/// <param name="Iova">The address.</param>
/// <param name="PageTable">What the device's requests were translated by.</param>
/// <param name="Mapping">The mapping that the finding is about.</param>
internal readonly record struct FindingPlace(
    string? Device, uint? Pasid = null, ulong? Iova = null, string? PageTable = null, IovaRange? Mapping = null);

/// <summary>A sentence of a finding, which a call completes: "mapped" is followed by the thread and the call.</summary>
/// <param name="Text">The sentence without its end.</param>
/// <param name="Call">The call; null for none.</param>
internal sealed record FindingPart(string Text, CallSite? Call = null)
{
    /// <summary>The frames of the stack that belongs to it, where it is no call's; null for none.</summary>
    public IReadOnlyList<string>? Stack { get; init; }
}
