using Ioasis.Iommufd.Files;
using Ioasis.Linux.Processes;

namespace Ioasis.Client.InProcess;

/// <summary>What is pinned of a process within this one: this one's limit is its.</summary>
internal sealed class OwnPins : ProcessPins
{
    public override ulong LockLimit => SysCredentials.TryGetLockLimit(0, out ulong limit) ? limit : ulong.MaxValue;
}
