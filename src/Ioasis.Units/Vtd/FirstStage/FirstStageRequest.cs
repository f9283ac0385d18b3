using Ioasis.Memory;

namespace Ioasis.Units.Vtd.FirstStage;

/// <summary>A request to be translated.</summary>
/// <param name="Iova">Its address.</param>
/// <param name="Access">The kinds of access. All requests read.</param>
internal readonly record struct FirstStageRequest(Iova Iova, FirstStageAccess Access);

/// <summary>The kinds of access of a request, beside reading.</summary>
[Flags]
internal enum FirstStageAccess : byte
{
    /// <summary>A user's read.</summary>
    Read = 0,

    /// <summary>It writes, or is atomic.</summary>
    Write = 1 << 0,

    /// <summary>It is in supervisor mode.</summary>
    Supervisor = 1 << 1,

    /// <summary>It asks for execute permission.</summary>
    Execute = 1 << 2,
}
