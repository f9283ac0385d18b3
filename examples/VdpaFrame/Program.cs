using System.Text;
using Ioasis.Client;
using Ioasis.Examples;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;

// Sends a frame through a vDPA network device that gives back what it is sent. Argument "nodes": uses the nodes of this
// system, a real kernel's or those of `ioasis run`; otherwise a machine in this process.
using NodeTransport nodes = args is ["nodes"]
    ? NodeTransport.OfSystem()
    : NodeTransport.InProcess(SoftwareMachine.Create(MachineDescription.Default.WithDevice("virtio-net@net0,vdpa")));

const byte Acknowledge = 1, Driver = 2, DriverOk = 4, FeaturesOk = 8; // status
const ulong Mac = 1ul << 5, Version1 = 1ul << 32, AccessPlatform = 1ul << 33; // features
const int Receive = 0, Transmit = 1; // queues
const int Header = 12; // struct virtio_net_hdr_v1 comes before each frame

using VdpaDevice device = VdpaDevice.Open(nodes, 0);
device.SetOwner();
device.SetStatus(Acknowledge | Driver);
device.SetFeatures(device.GetOfferedFeatures() & (Mac | Version1 | AccessPlatform));
device.SetStatus(Acknowledge | Driver | FeaturesOk);
byte[] mac = device.ReadConfig(0, 6);

using var receive = new SplitQueue(device, Receive, new Iova(0x10000));
using var transmit = new SplitQueue(device, Transmit, new Iova(0x20000));
device.SetStatus(Acknowledge | Driver | FeaturesOk | DriverOk);

// To the device's own address, from it, of the type for experiments; the payload.
byte[] frame = [.. mac, .. mac, 0x88, 0xb5, .. Encoding.ASCII.GetBytes("Hello through an IOMMU.".PadRight(46))];
TimeSpan patience = TimeSpan.FromSeconds(60);
receive.OfferRoom(2048);
transmit.OfferBytes([.. new byte[Header], .. frame]);
transmit.Wait(patience);
byte[] back = receive.Wait(patience)[Header..];
string address = string.Join(':', mac.Select(b => $"{b:x2}"));
string verdict = back.AsSpan().SequenceEqual(frame) ? "them back" : "others";
string text = Encoding.ASCII.GetString(back[14..]).Trim();
Console.WriteLine($"{nodes.Name}: {address} sent {frame.Length} bytes and got {verdict}: \"{text}\"");
