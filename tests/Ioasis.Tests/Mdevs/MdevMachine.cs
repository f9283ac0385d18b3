using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;

namespace Ioasis.Tests.Mdevs;

/// <summary>A machine with a parent of mdevs, and its attributes as a program writes them.</summary>
internal sealed class MdevMachine : IDisposable
{
    internal const string Types = "/sys/devices/virtual/mtty/mtty/mdev_supported_types";
    internal const string First = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";

    internal MdevMachine(string parent = "mtty")
    {
        Machine = SoftwareMachine.Create(MachineDescription.Default.WithDevice(parent));
        Nodes = NodeTransport.InProcess(Machine);
    }

    internal SoftwareMachine Machine { get; }

    internal NodeTransport Nodes { get; }

    public void Dispose()
    {
        Nodes.Dispose();
        Machine.Dispose();
    }

    /// <summary>Writes to an attribute; null while there is no answer.</summary>
    internal Func<Errno?> Write(string path, string text)
    {
        var file = Assert.IsType<VirtualFile>(Machine.Paths[path]);
        Errno? answer = null;
        file.Store!(Encoding.ASCII.GetBytes(text), errno =>
        {
            Assert.Null(answer);
            answer = errno;
        });
        return () => answer;
    }

    internal Errno? Create(string type, string text) => Write($"{Types}/{type}/create", text)();

    internal int Available(string type) =>
        int.Parse(Nodes.ReadAttribute($"{Types}/{type}/available_instances"), null);

    /// <summary>Creates an mdev and opens it.</summary>
    internal VfioDevice Open(string type, string uuid)
    {
        Assert.Equal(Errno.None, Create(type, uuid));
        return VfioDevice.Open(Nodes, Machine.Mdevs.Single(mdev => mdev.Uuid == Guid.Parse(uuid)).VfioNode);
    }
}
