using System.Text.Json;
using System.Xml;
using System.Xml.Linq;
using System.Xml.Schema;
using Ioasis.Diagnostics.Check;
using Ioasis.Diagnostics.Report;

namespace Ioasis.Tests.Diagnostics;

/// <summary>Reports in the forms that a CI reads.</summary>
public sealed class ReportTests
{
    // The elements and attributes that Jenkins, GitLab and JUnit's own Ant task agree about.
    private const string JUnitSchema = """
        <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
          <xs:element name="testsuites"><xs:complexType><xs:sequence>
            <xs:element name="testsuite" maxOccurs="unbounded"><xs:complexType><xs:sequence>
              <xs:element name="testcase" maxOccurs="unbounded"><xs:complexType>
                <xs:choice minOccurs="0">
                  <xs:element name="failure"><xs:complexType><xs:simpleContent><xs:extension base="xs:string">
                    <xs:attribute name="message" type="xs:string"/>
                    <xs:attribute name="type" type="xs:string" use="required"/>
                  </xs:extension></xs:simpleContent></xs:complexType></xs:element>
                </xs:choice>
                <xs:attribute name="name" type="xs:token" use="required"/>
                <xs:attribute name="classname" type="xs:token" use="required"/>
                <xs:attribute name="time" type="xs:decimal" use="required"/>
              </xs:complexType></xs:element>
            </xs:sequence>
              <xs:attribute name="name" type="xs:token" use="required"/>
              <xs:attribute name="timestamp" use="required"><xs:simpleType><xs:restriction base="xs:dateTime">
                <xs:pattern value="[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"/>
              </xs:restriction></xs:simpleType></xs:attribute>
              <xs:attribute name="hostname" type="xs:token" use="required"/>
              <xs:attribute name="tests" type="xs:int" use="required"/>
              <xs:attribute name="failures" type="xs:int" use="required"/>
              <xs:attribute name="errors" type="xs:int" use="required"/>
              <xs:attribute name="skipped" type="xs:int"/>
              <xs:attribute name="time" type="xs:decimal" use="required"/>
            </xs:complexType></xs:element>
          </xs:sequence></xs:complexType></xs:element>
        </xs:schema>
        """;

    private static readonly CheckKind s_unmapped = CheckKind.All.Single(k => k.Name == "dma-unmapped"),
        s_leak = CheckKind.All.Single(k => k.Name == "leak");

    private static readonly CheckReport s_report = new()
    {
        Command = ["/work/app/build/app,1", "--fast"],
        Kinds = [s_unmapped, s_leak],
        Findings =
        [
            Reported(s_leak, "an IOAS was left", "SUMMARY: Ioasis: leak /work/app/src/a b.c:22 in stop"),
            Reported(s_leak, "100% \u0001 <two>", "SUMMARY: Ioasis: leak by thread 7 in ioctl(IOMMU_IOAS_MAP), call 3"),
        ],
        ExitCode = 3,
        Began = new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero),
        Took = TimeSpan.FromMilliseconds(1500),
        Version = "1.0.0",
        Root = "/work/app",
    };

    [Fact]
    public void APlaceIsTakenFromTheSummary()
    {
        Assert.Equal([("/work/app/src/a b.c", 22), (null, null)], s_report.Findings.Select(f => (f.File, f.Line)));
    }

    [Fact]
    public void JUnitHasACaseForTheProgramAndForEachKind()
    {
        XDocument document = XDocument.Parse(Write("junit"));
        var schemas = new XmlSchemaSet();
        schemas.Add(null, XmlReader.Create(new StringReader(JUnitSchema)));
        document.Validate(schemas, (_, e) => Assert.Fail(e.Message));
        XElement suite = document.Root!.Element("testsuite")!;
        Assert.Equal(("3", "2", "1.500"), (suite.Attribute("tests")!.Value, suite.Attribute("failures")!.Value,
            suite.Attribute("time")!.Value));
        Assert.Equal(["program", "leak"],
            suite.Elements("testcase").Where(c => c.Element("failure") is not null)
                .Select(c => c.Attribute("name")!.Value));
        Assert.Equal("ended with 3", suite.Descendants("failure").First().Attribute("message")!.Value);
        Assert.Contains("100% ? <two>", suite.Descendants("failure").Last().Value, StringComparison.Ordinal);
    }

    [Fact]
    public void SarifHasAResultForEachFinding()
    {
        JsonElement run = JsonDocument.Parse(Write("sarif")).RootElement.GetProperty("runs")[0];
        Assert.Equal(["leak", "leak"],
            run.GetProperty("results").EnumerateArray().Select(r => r.GetProperty("ruleId").GetString()));
        JsonElement[] places = [.. run.GetProperty("results").EnumerateArray()
            .Select(r => r.GetProperty("locations")[0].GetProperty("physicalLocation"))];
        Assert.Equal(("src/a%20b.c", 22), (
            places[0].GetProperty("artifactLocation").GetProperty("uri").GetString(),
            places[0].GetProperty("region").GetProperty("startLine").GetInt32()));
        Assert.Equal("build/app%2C1", places[1].GetProperty("artifactLocation").GetProperty("uri").GetString());
        Assert.False(run.GetProperty("invocations")[0].GetProperty("executionSuccessful").GetBoolean());
    }

    [Fact]
    public void TapHasATestForTheProgramAndForEachKind()
    {
        string[] lines = Write("tap").TrimEnd().Split('\n');
        Assert.Equal(["TAP version 13", "1..3", "not ok 1 - program"], lines[..3]);
        Assert.Contains("ok 2 - dma-unmapped", lines);
        Assert.Contains("not ok 3 - leak", lines);
        Assert.All(lines.Where(l => l.Contains("SUMMARY", StringComparison.Ordinal)),
            l => Assert.StartsWith("    ", l, StringComparison.Ordinal));
    }

    [Fact]
    public void GitHubIsToldOfTheLine()
    {
        string[] lines = Write("github").TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("::error file=src/a b.c,line=22,title=Ioasis%3A leak::==7==ERROR: Ioasis: leak: an IOAS",
            lines[0], StringComparison.Ordinal);
        Assert.StartsWith("::error title=Ioasis%3A leak::", lines[1], StringComparison.Ordinal);
        Assert.Contains("100%25", lines[1], StringComparison.Ordinal);
        Assert.Equal("::error title=Ioasis%3A app%2C1::ended with 3", lines[2]);
    }

    [Fact]
    public void ARightProgramHasNoFailures()
    {
        CheckReport right = s_report with { Findings = [], ExitCode = 0 };
        Assert.Equal("", Write("github", right));
        Assert.DoesNotContain("failure ", Write("junit", right), StringComparison.Ordinal);
        Assert.Equal(["TAP version 13", "1..3", "ok 1 - program", "ok 2 - dma-unmapped", "ok 3 - leak"],
            Write("tap", right).TrimEnd().Split('\n'));
        Assert.Contains("\"results\": []", Write("sarif", right), StringComparison.Ordinal);
    }

    private static ReportedFinding Reported(CheckKind kind, string what, string summary) => ReportedFinding.Of(
        new Finding { Kind = kind, What = what }, [$"==7==ERROR: Ioasis: {kind.Name}: {what}", summary]);

    private static string Write(string format, CheckReport? report = null)
    {
        using StringWriter output = new() { NewLine = "\n" };
        ReportFormat.Find(format)!.Write(report ?? s_report, output);
        return output.ToString();
    }
}
