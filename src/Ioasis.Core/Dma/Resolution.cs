using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;

namespace Ioasis.Core.Dma;

/// <summary>How far an access got on its way to a mapping.</summary>
internal struct Resolution
{
    /// <summary>What translates it.</summary>
    internal TranslationRoute? Route;

    /// <summary>
    /// The address that is looked up among the mappings: the IOVA, or what a first stage makes of it.
    /// </summary>
    internal ulong Address;

    /// <summary>How many bytes after the first are translated alike, of those that are wanted at least.</summary>
    internal ulong BytesAfterFirst;

    /// <summary>Why it is refused.</summary>
    internal FaultReason Reason;

    /// <summary>The same in the unit's own terms, if <see cref="HasSyndrome"/>.</summary>
    internal FaultSyndrome Syndrome;

    /// <summary>Whether the first stage said it; if not, the unit is asked.</summary>
    internal bool HasSyndrome;

    /// <summary>The guest-physical address that was refused; 0 for none.</summary>
    internal ulong Inner;

    /// <summary>Whether whoever owns the page table could still give what is missing.</summary>
    internal bool IsRecoverable;

    /// <summary>The first stage refuses it.</summary>
    internal void Fail(in FirstStageResult page)
    {
        Reason = page.Reason;
        Syndrome = page.Syndrome;
        HasSyndrome = true;
        Inner = page.Address;
        IsRecoverable = page.IsRecoverable;
    }

    /// <summary>It is refused on the way there or behind the first stage.</summary>
    internal void Fail(FaultReason reason, bool isWrite)
    {
        Reason = reason;
        IsRecoverable = reason is FaultReason.NotMapped or FaultReason.NoPermission;
        if (Route?.FirstStage is not { } firstStage) return;
        Syndrome = firstStage.SyndromeOf(reason, isWrite);
        HasSyndrome = true;
        if (reason != FaultReason.BeyondAddressWidth) Inner = Address;
    }
}
