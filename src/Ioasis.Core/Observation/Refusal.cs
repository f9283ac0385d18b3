namespace Ioasis.Core.Observation;

/// <summary>
/// The sentence that says why the call of this thread was refused. Only calls that are listened to have one: elsewhere
/// nothing is formatted or kept.
/// </summary>
/// <remarks>
/// A sentence belongs to the status or errno that it explains. A later one replaces it, so the reason of a step whose
/// failure was dealt with does not explain another failure.
/// </remarks>
public static class Refusal
{
    [ThreadStatic] private static bool s_isHeard;
    [ThreadStatic] private static int s_code;
    [ThreadStatic] private static string? s_why;

    /// <summary>Whether the call of this thread is listened to.</summary>
    public static bool IsHeard => s_isHeard;

    /// <summary>Listens to the call that this thread makes now. Forgets the sentence of the one before.</summary>
    /// <returns>Whether the thread was listened to already, for <see cref="End"/>.</returns>
    public static bool Begin()
    {
        bool wasHeard = s_isHeard;
        (s_isHeard, s_why) = (true, null);
        return wasHeard;
    }

    /// <summary>Ends what <see cref="Begin"/> began. The sentence stays until the next call.</summary>
    /// <param name="wasHeard">What <see cref="Begin"/> returned.</param>
    public static void End(bool wasHeard) => s_isHeard = wasHeard;

    /// <summary>Forgets the sentence.</summary>
    public static void Clear() => s_why = null;

    /// <summary>The sentence for an errno, or (negative) for an <see cref="IommuStatus"/>; null if there is
    /// none.</summary>
    public static string? WhyOf(int code) => s_code == code ? s_why : null;

    /// <summary>Keeps the sentence for an errno or a status, as in <see cref="WhyOf"/>, if it is listened to.</summary>
    public static void Say(int code, string? why)
    {
        if (s_isHeard) (s_code, s_why) = (code, why);
    }
}
