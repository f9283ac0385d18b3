using Ioasis.Iommufd.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Client.InProcess;

/// <summary>The pins of a process within this one. It has this process's limit.</summary>
internal sealed class OwnPins : ProcessPins
{
    public override ulong LockLimit => SysCredentials.TryGetLockLimit(0, out ulong limit) ? limit : ulong.MaxValue;
}
