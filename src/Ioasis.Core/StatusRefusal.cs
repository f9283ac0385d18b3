using System.Runtime.CompilerServices;
using Ioasis.Core.Observation;

namespace Ioasis.Core;

/// <summary>Says why a request to the IOMMU is refused.</summary>
public static class StatusRefusal
{
    /// <summary>The status, with the sentence that explains it.</summary>
    /// <param name="status">The status.</param>
    /// <param name="why">What was wrong, and what would be right.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static IommuStatus Because(this IommuStatus status, string why)
    {
        Refusal.Say(-(int)status, why);
        return status;
    }

    /// <summary>The status, with a sentence that has values in it.</summary>
    /// <param name="status">The status.</param>
    /// <param name="why">What was wrong, and what would be right.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static IommuStatus Because(this IommuStatus status, RefusalText why)
    {
        Refusal.Say(-(int)status, why.ToString());
        return status;
    }
}
