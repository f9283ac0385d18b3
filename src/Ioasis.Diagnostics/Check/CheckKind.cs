namespace Ioasis.Diagnostics.Check;

/// <summary>A kind of finding. Reports, suppressions and options use its name.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsOn">Whether it is looked for unless the options say otherwise.</param>
/// <param name="Meaning">What the program did, in a sentence.</param>
public sealed record CheckKind(string Name, bool IsOn, string Meaning)
{
    internal static readonly CheckKind
        DmaUnmapped = new("dma-unmapped", true, "A device accessed an address that was not mapped."),
        DmaAfterUnmap = new("dma-after-unmap", true, "A device accessed an address after its mapping was taken out."),
        DmaNotAttached = new("dma-not-attached", true, "A device made DMA without an attached page table."),
        DmaAfterDetach = new("dma-after-detach", true, "A device made DMA after its page table was detached."),
        DmaNoPermission = new("dma-no-permission", true, "A device accessed memory against the mapping's permission."),
        DmaIntoFreedMemory = new("dma-into-freed-memory", true,
            "A device accessed memory that its program had freed while it was mapped."),
        DmaNoBusMaster = new("dma-no-bus-master", true, "A device made DMA while bus mastering was off."),
        BadFirstStage = new("bad-first-stage", true, "A device was translated by a malformed first stage.");

    /// <summary>All kinds.</summary>
    public static IReadOnlyList<CheckKind> All { get; } =
    [
        DmaUnmapped, DmaAfterUnmap, DmaNotAttached, DmaAfterDetach, DmaNoPermission, DmaIntoFreedMemory,
        DmaNoBusMaster, BadFirstStage,
    ];
}
