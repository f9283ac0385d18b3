using System.Globalization;

namespace Ioasis.Release;

/// <summary>What <c>eng/release.sh</c> calls.</summary>
internal static class Program
{
    private const string Usage = """
        usage: normalize PACKAGE.nupkg SECONDS
               sbom ASSETS.json[,ASSETS.json] VERSION SECONDS OUTPUT.json [PACKAGE ...]
               notices ASSETS.json[,ASSETS.json] OUTPUT.txt FILE ...
               image FOLDER VERSION SECONDS OUTPUT.tar
        SECONDS: the time of everything within, since 1970.
        PACKAGE: NAME_VERSION of a Debian package, or npm:NAME_VERSION_LICENCE.
        """;

    private static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["normalize", string package, string seconds]:
                NugetPackage.Normalize(package, Time(seconds));
                return 0;
            case ["sbom", string assets, string version, string seconds, string output, .. string[] others]:
                File.WriteAllText(output, BillOfMaterials.Of(assets, version, Time(seconds), others));
                return 0;
            case ["notices", string assets, string output, .. string[] own]:
                File.WriteAllText(output, Notices.Of(assets, own));
                return 0;
            case ["image", string folder, string version, string seconds, string output]:
                new ContainerImage(folder, version, Time(seconds)).Write(output);
                return 0;
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }

    private static DateTimeOffset Time(string seconds) =>
        DateTimeOffset.FromUnixTimeSeconds(long.Parse(seconds, CultureInfo.InvariantCulture));
}
