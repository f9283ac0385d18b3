using System.Diagnostics.Tracing;
using System.Runtime.CompilerServices;

namespace Ioasis.Linux.Processes;

/// <summary>
/// Whether managed code gives events to the runtime's diagnostic port, which dotnet-counters and dotnet-trace ask. Our
/// program is configured without (EventSourceSupport): setting it up is a tenth of its start-up.
/// </summary>
internal static class RuntimeEvents
{
    /// <summary>
    /// Lets all event sources that are made from now on give events. Before the first of those that matter.
    /// </summary>
    /// <returns>False if this runtime keeps the switch elsewhere.</returns>
    internal static bool TryEnable()
    {
        try
        {
            IsSupported(null!) = true;
            return true;
        }
        catch (MissingFieldException)
        {
            return false;
        }
    }

    // SAFETY: a static bool that managed code alone reads. It is read each time: code that takes it for a constant is
    // compiled only after it ran often, and event sources are made once.
    [UnsafeAccessor(UnsafeAccessorKind.StaticField, Name = "<IsSupported>k__BackingField")]
    private static extern ref bool IsSupported(EventSource? none);
}
