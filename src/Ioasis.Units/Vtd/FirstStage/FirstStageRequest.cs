using Ioasis.Memory;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>A request to be translated.</summary>
/// <param name="Iova">Its address.</param>
/// <param name="Access">What it is for. All requests read.</param>
internal readonly record struct FirstStageRequest(Iova Iova, FirstStageAccess Access);

/// <summary>What a request is for, beside reading.</summary>
[Flags]
internal enum FirstStageAccess : byte
{
    /// <summary>A user's read.</summary>
    Read = 0,

    /// <summary>It writes, or is atomic.</summary>
    Write = 1 << 0,

    /// <summary>Its privilege mode is the supervisor's.</summary>
    Supervisor = 1 << 1,

    /// <summary>It wants to execute.</summary>
    Execute = 1 << 2,
}
