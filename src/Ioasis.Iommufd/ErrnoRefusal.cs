using System.Runtime.CompilerServices;
using Ioasis.Abi;
using Ioasis.Core.Observation;

namespace Ioasis.Iommufd;

/// <summary>Says why a call is refused: <c>return Errno.EINVAL.Because("the length is 0")</c>.</summary>
public static class ErrnoRefusal
{
    /// <summary>The errno, with the sentence that explains it.</summary>
    /// <param name="errno">The errno.</param>
    /// <param name="why">What was wrong, and what would be right.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Errno Because(this Errno errno, string why)
    {
        Refusal.Say((int)errno, why);
        return errno;
    }

    /// <summary>The errno, with a sentence that has values in it.</summary>
    /// <param name="errno">The errno.</param>
    /// <param name="why">What was wrong, and what would be right.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Errno Because(this Errno errno, RefusalText why)
    {
        Refusal.Say((int)errno, why.ToString());
        return errno;
    }

    /// <summary>The errno with the sentence that was said for another one, from which it was made.</summary>
    /// <param name="errno">The errno.</param>
    /// <param name="cause">The other one.</param>
    internal static Errno As(this Errno errno, Errno cause)
    {
        Refusal.Say((int)errno, Refusal.WhyOf((int)cause));
        return errno;
    }
}
