using System.Text;
using Ioasis.Abi;
using Ioasis.Iommufd.Files;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Machine.Nodes;
using Ioasis.Tests.Vfio;

namespace Ioasis.Tests.Vdpa;

/// <summary>The driver vhost_vdpa, as programs set it to work in sysfs.</summary>
public sealed class DriverTests : IDisposable
{
    private const string Bus = "/sys/bus/vdpa", Driver = $"{Bus}/drivers/vhost_vdpa", Device = "/sys/devices/n0",
        Node = "/dev/vhost-vdpa-0", OtherNode = "/dev/vhost-vdpa-1";

    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Empty);

    public DriverTests()
    {
        _machine.PlugVdpa(new TestVirtio(), "n0");
        _machine.PlugVdpa(new TestVirtio(), "n1");
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void ADeviceWithoutItsDriverHasNoNode()
    {
        Assert.Equal(Errno.None, Write("unbind", "n0\n"));
        Assert.Null(_machine.VdpaDevices[0].Node);
        foreach (string gone in (string[])[Node, $"{Device}/driver", $"{Driver}/n0", $"{Device}/vhost-vdpa-0",
            $"{Device}/vhost-vdpa-0/dev"])
            Assert.DoesNotContain(gone, _machine.Paths.Keys);
        Assert.Empty(Read($"{Device}/uevent"));
        Assert.Contains($"{Bus}/devices/n0", _machine.Paths.Keys);
        Assert.Contains(OtherNode, _machine.Paths.Keys);
        Assert.Contains(" vhost-vdpa\n", Read("/proc/devices"), StringComparison.Ordinal);
        Assert.Equal(Errno.ENODEV, Write("unbind", "n0"));
        Assert.Equal(Errno.None, Write("bind", "n0"));
        Assert.Equal(Node, _machine.VdpaDevices[0].Node);
        Assert.Equal("DRIVER=vhost_vdpa\n", Read($"{Device}/uevent"));
        Assert.Equal(Errno.EBUSY, Write("bind", "n0"));
        Open(Node).Close();
    }

    [Fact]
    public void AnUnbindWaitsUntilTheNodeIsClosed()
    {
        NodeFile file = Open(Node);
        INode node = NodeAt(Node);
        Errno? unbound = null, again = null, bound = null, probed = null;
        Store("unbind", "n0", errno => unbound = errno);
        Assert.DoesNotContain(Node, _machine.Paths.Keys);
        Assert.DoesNotContain($"{Device}/driver", _machine.Paths.Keys);
        Assert.Equal(Errno.ENXIO, node.Open(new FakeCarrier(), out _)); // by a program that found it before
        Store("unbind", "n0", errno => again = errno);
        Store("bind", "n0", errno => bound = errno);
        Store("bind", "n0", errno => probed = errno);
        Assert.Equal((null, null, null, null), (unbound, again, bound, probed));
        Assert.Equal(SysResult.Ok(), file.Ioctl(new FakeCaller(), VhostH.VHOST_SET_OWNER, 0)); // it works on
        file.Close();
        Assert.Equal((Errno.None, Errno.None, Errno.None, Errno.EBUSY), (unbound, again, bound, probed));
        Open(Node).Close();
    }

    [Fact]
    public void AStepThatWaitsComesAfterTheOneThatWaitsLonger()
    {
        NodeFile file = Open(Node);
        List<string> done = [];
        Store("unbind", "n0", _ => done.Add("unbound"));
        Store("bind", "n0", _ => done.Add("bound"));
        Store("unbind", "n0", _ => done.Add("unbound again"));
        Store("bind", "n0", _ => done.Add("bound again"));
        file.Close();
        Assert.Equal(["unbound", "bound", "unbound again", "bound again"], done);
        Open(Node).Close();
    }

    [Fact]
    public void StepsThatWaitAreBounded()
    {
        NodeFile file = Open(Node);
        int done = 0, refused = 0;
        Store("unbind", "n0", static _ => { });
        for (int i = 0; i < 1000; i++) Store("bind", "n0", Count);
        Assert.Equal(0, done);
        Assert.InRange(refused, 900, 999);
        file.Close();
        Assert.Equal(1000, done + refused);

        void Count(Errno errno)
        {
            if (errno == Errno.ENOMEM) refused++;
            else done++;
        }
    }

    [Fact]
    public void ANodeHasTheLowestFreeNumber()
    {
        NodeFile file = Open(Node);
        Store("unbind", "n0", static _ => { });
        Assert.Equal(Errno.None, Write("unbind", "n1"));
        Assert.Equal(Errno.None, Write("bind", "n1"));
        Assert.Equal(OtherNode, _machine.VdpaDevices[1].Node); // the first one is leaving, and has its number
        file.Close();
        Assert.Equal(Errno.None, Write("unbind", "n1"));
        Assert.Equal(Errno.None, Write("bind", "n1"));
        Assert.Equal(Errno.None, Write("bind", "n0"));
        Assert.Equal((OtherNode, Node), (_machine.VdpaDevices[0].Node, _machine.VdpaDevices[1].Node));
        Assert.NotEqual(NodeAt(Node).Minor, NodeAt(OtherNode).Minor);
    }

    [Fact]
    public void AnOverrideNamesTheOnlyDriver()
    {
        Assert.Equal("(null)\n", Read($"{Device}/driver_override"));
        Take($"{Device}/driver_override", "virtio_vdpa\n");
        Assert.Equal("virtio_vdpa\n", Read($"{Device}/driver_override"));
        Assert.Contains(Node, _machine.Paths.Keys); // what is bound stays
        Assert.Equal(Errno.ENODEV, Write("bind", "n0"));
        Assert.Equal(Errno.None, Write("unbind", "n0"));
        Assert.Equal(Errno.ENODEV, Write("bind", "n0"));
        Assert.Equal(Errno.None, Probe("n0"));
        Assert.DoesNotContain(Node, _machine.Paths.Keys);
        Take($"{Device}/driver_override", "\n");
        Assert.Equal(Errno.None, Probe("n0"));
        Assert.Contains(Node, _machine.Paths.Keys);
        Assert.Equal(Errno.None, Probe("n0"));
        Assert.Equal(Errno.ENODEV, Probe("n7"));
        Assert.Equal(Errno.ENODEV, Write("bind", "n7"));
        Assert.Equal(Errno.ENODEV, Write("unbind", "n7"));
    }

    [Fact]
    public void NoWriteOfTheSizeOfANotificationIsStopped()
    {
        _machine.PlugVdpa(new TestVirtio(), "sevenup");
        var bind = (VirtualFile)_machine.Paths[$"{Driver}/bind"];
        Assert.Equal([2u, 3u, 7u], bind.StoreSizes.Order());
        Assert.False(bind.StoresVectors);
    }

    private static string Text(byte[] bytes) => Encoding.ASCII.GetString(bytes);

    private string Read(string path) => Text(((VirtualFile)_machine.Paths[path]).Content());

    private INode NodeAt(string path) => ((VirtualDevice)_machine.Paths[path]).Node;

    private NodeFile Open(string path)
    {
        Assert.Equal(Errno.None, NodeAt(path).Open(new FakeCarrier(), out NodeFile? file));
        return file!;
    }

    private void Take(string path, string text) =>
        ((VirtualFile)_machine.Paths[path]).Take!(Encoding.ASCII.GetBytes(text));

    private void Store(string name, string text, Action<Errno> answer) => StoreAt($"{Driver}/{name}", text, answer);

    private void StoreAt(string path, string text, Action<Errno> answer) =>
        ((VirtualFile)_machine.Paths[path]).Store!(Encoding.ASCII.GetBytes(text), answer);

    private Errno Write(string name, string text) => Answer($"{Driver}/{name}", text);

    private Errno Probe(string text) => Answer($"{Bus}/drivers_probe", text);

    /// <summary>The answer of a write that must not wait.</summary>
    private Errno Answer(string path, string text)
    {
        Errno? answer = null;
        StoreAt(path, text, errno => answer = errno);
        return Assert.NotNull(answer);
    }
}
