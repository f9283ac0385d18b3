using Ioasis.Memory;
using Ioasis.PageTables.X64;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>How a walk ended.</summary>
/// <param name="Fault">Why there is no translation, or <see cref="FirstStageFault.None"/>.</param>
/// <param name="Level">The level of the leaf, or of the entry that the fault was found at; 0 if the walk did not start.</param>
/// <param name="Gpa">Where the byte is in the guest's memory: stage 2 is still to translate this. After a fault, the address of the entry.</param>
/// <param name="Rights">What all entries on the way grant.</param>
/// <param name="Dirty">Whether the leaf has D. Who keeps the translation must walk again for a write if not, so that it gets D.</param>
internal readonly record struct FirstStageTranslation(FirstStageFault Fault, byte Level, Gpa Gpa, X64Rights Rights, bool Dirty)
{
    /// <summary>Whether there is a translation.</summary>
    internal bool IsOk => Fault == FirstStageFault.None;

    /// <summary>Log2 of the bytes of the page: they are translated alike.</summary>
    internal int PageShift => X64Format.PageShift(Level);

    /// <summary>
    /// Whether this translation, kept, serves another request for the page without another walk: it may fault where this says no, or only get D.
    /// </summary>
    internal bool Serves(in FirstStageTable table, FirstStageAccess access)
    {
        const FirstStageAccess neverKept = FirstStageAccess.Execute;
        if (!IsOk || (access & neverKept) != 0 || (table.Required(access) & ~Rights) != 0) return false;
        if ((access & FirstStageAccess.Supervisor) != 0 && (table.Flags & FirstStageFlags.SupervisorRequests) == 0) return false;
        return Dirty || (access & FirstStageAccess.Write) == 0;
    }
}
